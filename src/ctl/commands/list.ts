import type { CtlContext } from '../context.js';
import type { Format } from '../output/rows.js';
import { loadGroups, printCluster } from '../selection.js';
import { localSecond } from '../times.js';

export interface ListOptions {
  readonly group: number | undefined;
  readonly format: Format | 'topology';
  readonly extended: boolean;
  readonly timestamp: boolean;
  /** Seconds between two outputs; undefined: once. */
  readonly watch: number | undefined;
}

export async function list(context: CtlContext, names: readonly string[], options: ListOptions): Promise<void> {
  const clusters = names.length > 0 ? names : context.settings.scope === undefined ? [] : [context.settings.scope];
  if (clusters.length === 0) {
    context.log('warning', 'Listing members: No cluster names were provided');
    return;
  }
  await watching(context, options.watch, true, async () => {
    if (options.timestamp) context.terminal.out(`${localSecond(context.clock.wall())}\n`);
    for (const cluster of clusters) printCluster(context, cluster, await loadGroups(context, cluster, options.group), options);
  });
}

/** Runs `action` once, or every `seconds` (from start to start) until the program is interrupted. */
export async function watching(
  context: CtlContext,
  seconds: number | undefined,
  clears: boolean,
  action: () => Promise<void>,
): Promise<void> {
  for (;;) {
    const started = context.clock.monotonic();
    if (seconds !== undefined && clears && context.terminal.isOutputTty) context.terminal.out('\u001b[2J\u001b[H');
    await action();
    if (seconds === undefined) return;
    await context.clock.sleep(Math.max(0, started + seconds * 1000 - context.clock.monotonic()));
  }
}

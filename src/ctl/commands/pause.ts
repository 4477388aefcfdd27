import { isTruthy } from '../../base/python-values.js';
import { apiUrlOf, type Member } from '../../cluster/member.js';
import { type ClusterView, memberNamed } from '../../cluster/view.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { globalConfigOf } from '../output/cluster-rows.js';
import { RestUnreachable } from '../rest-client.js';
import { leaderFirst, loadView } from '../selection.js';

/** Turns maintenance mode on or off (patronictl.md §7.10). */
export async function setPause(
  context: CtlContext,
  cluster: string,
  isPaused: boolean,
  options: { readonly group: number | undefined; readonly wait: boolean },
): Promise<void> {
  const group = options.group ?? context.settings.citusGroup;
  const view = await loadView(context, cluster, group);
  if (globalConfigOf(view).isPaused === isPaused) throw new CtlError(`Cluster is ${isPaused ? 'already' : 'not'} paused`);
  const word = isPaused ? 'pause' : 'resume';
  for (const { member, apiUrl } of leaderFirst(view)) {
    try {
      const { status, body } = await context.rest.request('PATCH', apiUrl, '/config', { pause: isPaused ? true : null });
      if (status !== 200) context.terminal.out(`Failed: ${word} cluster management status code=${status}, (${body})\n`);
      else if (options.wait) await waitForAll(context, { cluster, group, view, isPaused });
      else context.terminal.out(`Success: cluster management is ${word}d\n`);
      return;
    } catch (error) {
      if (!(error instanceof RestUnreachable)) throw error;
      context.log('warning', `Member ${member.name} is not accessible: ${error.message}`);
    }
  }
  throw new CtlError('Can not find accessible cluster member');
}

interface Wait {
  readonly cluster: string;
  readonly group: number | undefined;
  readonly view: ClusterView;
  readonly isPaused: boolean;
}

async function waitForAll(context: CtlContext, { cluster, group, view, isPaused }: Wait): Promise<void> {
  const { terminal, clock } = context;
  const word = isPaused ? 'pause' : 'resume';
  terminal.out(`'${word}' request sent, waiting until it is recognized by all nodes\n`);
  const loopWaitMs = globalConfigOf(view).loopWaitMs;
  const deadline = clock.monotonic() + loopWaitMs + 1000;
  const before = view.members.filter((member) => apiUrlOf(member) !== undefined);
  let lagging: Member[] = before;
  while (lagging.length > 0 && clock.monotonic() < deadline) {
    await clock.sleep(1000);
    const now = await loadView(context, cluster, group);
    lagging = before.filter((old) => {
      const current = memberNamed(now, old.name);
      return current !== undefined && isTruthy(current.data['pause']) !== isPaused;
    });
  }
  const last = await loadView(context, cluster, group);
  // A member that has not written its key since may be gone; only one that wrote and disagrees is worth a word.
  const disagreeing = lagging.filter((old) => memberNamed(last, old.name)?.version !== old.version);
  terminal.out(
    disagreeing.length > 0
      ? `${disagreeing.map((member) => member.name).join(', ')} members didn't recognized pause state after ${loopWaitMs / 1000} seconds\n`
      : `Success: cluster management is ${word}d\n`,
  );
}

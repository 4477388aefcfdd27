import { createTwoFilesPatch } from 'diff';
import { stringifyJson } from '../../base/json.js';
import { deepEqualByText } from '../../base/python-values.js';
import { patch } from '../../config/patch.js';
import { dumpYaml } from '../../config/yaml.js';
import { applyPair, readMapping } from '../config-changes.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { confirm } from '../terminal.js';

export interface EditOptions {
  readonly group: number | undefined;
  readonly quiet: boolean;
  readonly set: readonly string[];
  readonly pg: readonly string[];
  /** Files; `-` is standard input. */
  readonly apply: string | undefined;
  readonly replace: string | undefined;
  readonly force: boolean;
}

interface Edited {
  readonly config: Readonly<Record<string, unknown>>;
  /** As the person left it, comments and order included. */
  readonly text: string;
}

const dumped = (config: unknown): string => dumpYaml(config, { lineWidth: 200 });

/** patronictl.md §7.11 */
export async function editConfig(context: CtlContext, cluster: string, options: EditOptions): Promise<void> {
  const { terminal } = context;
  const store = await context.store(cluster, options.group ?? context.settings.citusGroup);
  const { config } = await store.load();
  if (config === undefined) throw new CtlError(`The config key does not exist in the cluster ${cluster}`);
  const edited = hasChanges(options) ? await changed(context, config.data, options) : await byHand(context, cluster, config.data);
  if (config.isValid && deepEqualByText(edited.config, config.data)) {
    if (!options.quiet) terminal.out('Not changed\n');
    return;
  }
  if (!options.quiet) await showDiff(context, dumped(config.data), edited.text);
  if (!options.force) {
    if (options.apply === '-' || options.replace === '-') {
      terminal.out('Use --force option to apply changes\n');
      return;
    }
    if (!(await confirm(terminal, 'Apply these changes?'))) return;
  }
  if (!(await store.writeConfig(stringifyJson(edited.config), config.version))) {
    throw new CtlError('Config modification aborted due to concurrent changes');
  }
  terminal.out('Configuration changed\n');
}

function hasChanges({ apply, replace, set, pg }: EditOptions): boolean {
  return apply !== undefined || replace !== undefined || set.length + pg.length > 0;
}

async function changed(context: CtlContext, current: Readonly<Record<string, unknown>>, options: EditOptions): Promise<Edited> {
  const read = async (path: string): Promise<Record<string, unknown>> =>
    readMapping(await context.workplace.readFile(path), path === '-' ? 'standard input' : path);
  let config: Record<string, unknown> = structuredClone(current);
  if (options.replace !== undefined) {
    config = {};
    patch(config, await read(options.replace));
  }
  if (options.apply !== undefined) patch(config, await read(options.apply));
  for (const pair of options.set) applyPair(config, pair);
  for (const pair of options.pg) applyPair(config, `postgresql.parameters.${pair}`);
  return { config, text: dumped(config) };
}

async function byHand(context: CtlContext, cluster: string, current: Readonly<Record<string, unknown>>): Promise<Edited> {
  const text = await context.workplace.edit(dumped(current), `${cluster.replaceAll('/', '_')}-config-`);
  return { config: readMapping(text, 'the edited text'), text };
}

/** Three lines of context, headers without a name. */
export function unifiedDiff(before: string, after: string): string {
  const lines = createTwoFilesPatch('', '', before, after, '', '', { context: 3 }).split('\n');
  return ['--- ', '+++ ', ...lines.slice(lines.findIndex((line) => line.startsWith('@@')))].join('\n').trimEnd();
}

async function showDiff(context: CtlContext, before: string, after: string): Promise<void> {
  const text = `${unifiedDiff(before, after)}\n`;
  const { isOutputTty, hasColours } = context.terminal;
  if (isOutputTty) await context.workplace.page(hasColours ? text.split('\n').map(coloured).join('\n') : text);
  else context.terminal.out(text);
}

function coloured(line: string): string {
  const colour = line.startsWith('@@') ? 36 : line.startsWith('+') ? 32 : line.startsWith('-') ? 31 : undefined;
  return colour === undefined ? line : `\u001b[${colour}m${line}\u001b[0m`;
}

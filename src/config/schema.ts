import { isPlainObject } from '../base/python-values.js';
import { type Problem, shownValue } from './errors.js';
import { SCHEMA, type SchemaRow } from './schema-table.js';

export interface SchemaReport {
  readonly problems: readonly Problem[];
  /** Settings without meaning, one sentence each. */
  readonly warnings: readonly string[];
}

type RawMap = Readonly<Record<string, unknown>>;

/** Sections whose unknown members that are mappings are methods of the user's. */
const OPEN_SECTIONS = new Set(['postgresql', 'bootstrap', 'bootstrap.dcs.postgresql']);
/** Read from the dynamic configuration only (configuration.md §1.9). */
const DYNAMIC_ONLY = new Set(
  (
    'ttl loop_wait retry_timeout standby_cluster pause synchronous_mode synchronous_mode_strict synchronous_node_count maximum_lag_on_failover ' +
    'maximum_lag_on_syncnode primary_start_timeout primary_stop_timeout master_start_timeout master_stop_timeout primary_race_backoff ' +
    'primary_useless_timeout max_timelines_history check_timeline failsafe_mode member_slots_ttl slots permanent_slots permanent_replication_slots ignore_slots'
  ).split(' '),
);

interface Node {
  row: SchemaRow | undefined;
  readonly children: Map<string, Node>;
}

function buildTree(rows: readonly SchemaRow[]): Node {
  const root: Node = { row: undefined, children: new Map() };
  for (const row of rows) {
    let node = root;
    for (const key of row.path.split('.')) {
      let next = node.children.get(key);
      if (next === undefined) {
        next = { row: undefined, children: new Map() };
        node.children.set(key, next);
      }
      node = next;
    }
    node.row = row;
  }
  return root;
}

/**
 * Checks the local configuration as the daemon can use it: types, ranges and words. Patroni starts with whatever is there;
 * we refuse what cannot be meant, because a setting that silently has no effect is found out on the day of a failover.
 */
export function checkSettings(raw: RawMap): SchemaReport {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  checkMap(raw, buildTree(SCHEMA), '', problems, warnings);
  return { problems, warnings };
}

/** As `checkSettings`, for the `postgresql` section of the dynamic configuration. */
export function checkDynamicPostgresql(section: RawMap): SchemaReport {
  const report = checkSettings({ bootstrap: { dcs: { postgresql: section } } });
  const rename = (text: string): string => text.replace('bootstrap.dcs.', '');
  return { problems: report.problems.map((p) => ({ ...p, path: rename(p.path) })), warnings: report.warnings.map(rename) };
}

function checkMap(raw: RawMap, node: Node, path: string, problems: Problem[], warnings: string[]): void {
  for (const [key, value] of Object.entries(raw)) {
    const at = path === '' ? key : `${path}.${key}`;
    const child = node.children.get(key) ?? node.children.get('*');
    if (child === undefined) warnUnknown(at, path, key, value, node, warnings);
    else checkValue(value, child, at, problems, warnings);
  }
}

function checkValue(value: unknown, node: Node, path: string, problems: Problem[], warnings: string[]): void {
  // An empty entry means "not set".
  if (value === null || value === undefined) return;
  const { row } = node;
  if (row !== undefined && !row.type.accepts(value)) {
    problems.push({ path, message: row.type.allowed, value: shownValue(path, value) });
    return;
  }
  if (node.children.size === 0) return;
  // With a row of its own the members besides the listed ones are the user's (`parameters`).
  if (isPlainObject(value)) checkMap(value, row === undefined ? node : { row, children: openChildren(node) }, path, problems, warnings);
  else if (row === undefined && !isEmpty(value)) problems.push({ path, message: 'is not a dictionary', value: shownValue(path, value) });
}

const anyNode: Node = { row: undefined, children: new Map() };

function openChildren(node: Node): Map<string, Node> {
  return new Map([...node.children, ['*', anyNode]]);
}

/** Patroni takes every value that is false in Python for an empty section. */
function isEmpty(value: unknown): boolean {
  return value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
}

function warnUnknown(at: string, section: string, key: string, value: unknown, node: Node, warnings: string[]): void {
  if (OPEN_SECTIONS.has(section) && isPlainObject(value)) return;
  if (section === '' && DYNAMIC_ONLY.has(key)) {
    warnings.push(`${at} has no effect in the local configuration: it is read from the dynamic one (patronictl edit-config)`);
    return;
  }
  const near = nearest(key, [...node.children.keys()]);
  warnings.push(`${at} is not a setting and is ignored${near === undefined ? '' : `; did you mean ${near}?`}`);
}

/** The known word with the fewest edits, when they are few enough to be a slip. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = word.length <= 4 ? 1 : word.length <= 8 ? 2 : 3;
  let best: { readonly word: string; readonly edits: number } | undefined;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const edits = editDistance(word.toLowerCase(), candidate);
    if (edits <= limit && (best === undefined || edits < best.edits)) best = { word: candidate, edits };
  }
  return best?.word;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substituted));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

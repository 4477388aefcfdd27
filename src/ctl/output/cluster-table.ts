import { stringifyJson } from '../../base/json.js';
import { pythonText } from '../../base/python-values.js';
import type { ClusterView } from '../../cluster/view.js';
import { dumpYaml } from '../../config/yaml.js';
import { drawBox } from './box-table.js';
import { type ClusterRow, clusterRows, globalConfigOf } from './cluster-rows.js';
import { type Format, flowYaml } from './rows.js';
import { topologyOrder } from './topology.js';

/** The keys of one Citus group, or of a plain cluster. */
export interface GroupView {
  readonly group: number | undefined;
  readonly view: ClusterView;
}

export interface ClusterTableOptions {
  readonly cluster: string;
  readonly format: Format | 'topology';
  readonly extended: boolean;
  /** A single group was asked for: it stands in the title. */
  readonly requestedGroup: number | undefined;
  /** Marks leaders and sick members; only for a person at a terminal. */
  readonly paint?: (line: string, mood: 'leader' | 'sick') => string;
}

interface Column {
  readonly name: string;
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly value: (row: ClusterRow) => unknown;
}

/** A cluster as text for standard output, final line break included (patronictl.md §6). */
export function formatCluster(groups: readonly GroupView[], options: ClusterTableOptions): string {
  const { format } = options;
  const isBox = format === 'pretty' || format === 'topology';
  const rows = groups.flatMap(({ group, view }) => {
    const ofGroup = clusterRows(view, group);
    return format === 'topology' ? topologyOrder(ofGroup, view) : ofGroup;
  });
  const columns = columnsFor(rows, groups, options);
  if (isBox) return `${box(rows, columns, groups, options)}\n${footer(groups, options)}`;
  if (format === 'tsv') {
    const lines = [columns.map((c) => c.name), ...rows.map((row) => columns.map((c) => pythonText(c.value(row))))];
    return lines.map((line) => `${line.join('\t')}\n`).join('');
  }
  const objects = rows.map((row) =>
    Object.fromEntries(columns.map((c) => [c.name, c.value(row)] as const).filter(([, value]) => value !== '' && value !== undefined)),
  );
  return format === 'json' ? `${stringifyJson(objects, 'spaced')}\n` : `${dumpYaml(objects, { lineWidth: 200 })}\n`;
}

function columnsFor(rows: readonly ClusterRow[], groups: readonly GroupView[], options: ClusterTableOptions): Column[] {
  const { format } = options;
  const isBox = format === 'pretty' || format === 'topology';
  const column = (name: string, value: Column['value'], align: Column['align'] = 'left', title = name): Column => ({
    name,
    title,
    align,
    value,
  });
  const columns: Column[] = [];
  if (!isBox) columns.push(column('Cluster', () => options.cluster));
  const isCitus = groups.some((g) => g.group !== undefined);
  if (isCitus && (!isBox || options.requestedGroup === undefined)) columns.push(column('Group', (row) => row.group, 'right'));
  columns.push(
    column('Member', (row) => row.member),
    column('Host', (row) => row.host),
    column('Role', (row) => row.role),
    column('State', (row) => row.state),
    column('TL', (row) => row.timeline, 'right'),
    column('Receive LSN', (row) => row.receiveLsn, 'right'),
    column('Receive Lag', (row) => row.receiveLag, 'right', 'Lag'),
    column('Replay LSN', (row) => row.replayLsn, 'right'),
    column('Replay Lag', (row) => row.replayLag, 'right', 'Lag'),
  );
  const optional = [
    column('Pending restart', (row) => row.pendingRestart),
    column('Pending restart reason', (row) => reasonText(row, isBox)),
    column('Scheduled restart', (row) => row.scheduledRestart),
    column('Tags', (row) => tagsCell(row, format)),
  ];
  return [...columns, ...optional.filter((c) => options.extended || rows.some((row) => row.host !== '' && c.value(row) !== ''))];
}

function reasonText(row: ClusterRow, isBox: boolean): string {
  const lines = row.pendingRestartReason.map(([name, change]) => {
    const line = `${name}: ${change}`;
    return isBox && line.length > 50 ? `${name}: [hidden - too long]` : line;
  });
  return lines.join('\n');
}

function tagsCell(row: ClusterRow, format: ClusterTableOptions['format']): unknown {
  if (Object.keys(row.tags).length === 0) return '';
  if (format === 'pretty') return dumpYaml(row.tags, { lineWidth: 200 }).trimEnd();
  return format === 'tsv' || format === 'topology' ? flowYaml(row.tags) : row.tags;
}

const HEALTHY = new Set(['running', 'streaming', 'in archive recovery']);

function box(rows: readonly ClusterRow[], columns: readonly Column[], groups: readonly GroupView[], options: ClusterTableOptions): string {
  const { paint } = options;
  const table = {
    columns,
    rows: rows.map((row) => columns.map((c) => pythonText(c.value(row) ?? ''))),
    title: title(groups, options),
  };
  if (paint === undefined) return drawBox(table);
  return drawBox({
    ...table,
    paint: (line, index) => {
      const row = rows[index];
      if (row === undefined) return line;
      if (!HEALTHY.has(row.state)) return paint(line, 'sick');
      return row.role === 'Leader' || row.role === 'Standby Leader' ? paint(line, 'leader') : line;
    },
  });
}

function title(groups: readonly GroupView[], { cluster, requestedGroup }: ClusterTableOptions): string {
  const initialize = groups[0]?.view.initialize;
  const state = initialize === undefined ? 'uninitialized' : initialize || 'initializing';
  if (!groups.some((g) => g.group !== undefined)) return ` Cluster: ${cluster} (${state}) `;
  return requestedGroup === undefined ? ` Citus cluster: ${cluster} ` : ` Citus cluster: ${cluster} (group: ${requestedGroup}, ${state}) `;
}

function footer(groups: readonly GroupView[], options: ClusterTableOptions): string {
  return groups
    .map(({ group, view }) => {
      const lines: string[] = [];
      if (globalConfigOf(view).isPaused) lines.push(' Maintenance mode: on');
      const { failover } = view;
      if (failover?.scheduledAt !== undefined) {
        lines.push(` Switchover scheduled at: ${failover.scheduledAt}`);
        if (failover.leader !== undefined) lines.push(`${'from'.padStart(24)}: ${failover.leader}`);
        if (failover.candidate !== undefined) lines.push(`${'to'.padStart(24)}: ${failover.candidate}`);
      }
      if (lines.length > 0 && group !== undefined && options.requestedGroup === undefined) lines.unshift(`Citus group: ${group}`);
      return lines.map((line) => `${line}\n`).join('');
    })
    .join('');
}

import { formatLsn, type Lsn, lagBytes } from '../../base/lsn.js';
import { compareText, isPlainObject, isTruthy, pythonText, roundHalfEven } from '../../base/python-values.js';
import { type GlobalConfig, parseGlobalConfig } from '../../cluster/dynamic-config.js';
import { type Address, addressOf, connUrlOf, type Member, memberLsn, tagsOf } from '../../cluster/member.js';
import { isSyncVoter } from '../../cluster/sync-state.js';
import type { ClusterView } from '../../cluster/view.js';

/** One member as `list` shows it, before any format (patronictl.md §6.1). Empty text: nothing to show. */
export interface ClusterRow {
  readonly group: number | undefined;
  readonly member: string;
  readonly host: string;
  readonly role: string;
  readonly state: string;
  readonly timeline: number | '';
  readonly receiveLsn: string;
  readonly receiveLag: number | '';
  readonly replayLsn: string;
  readonly replayLag: number | '';
  readonly pendingRestart: string;
  /** Parameter and what changed: `old->new`. */
  readonly pendingRestartReason: readonly (readonly [name: string, change: string])[];
  readonly scheduledRestart: string;
  readonly tags: Readonly<Record<string, unknown>>;
}

/** The dynamic configuration of a view; defaults where there is none or where it is unusable. */
export function globalConfigOf(view: ClusterView): GlobalConfig {
  for (const data of [view.config?.data ?? {}, {}]) {
    const parsed = parseGlobalConfig(data);
    if ('config' in parsed) return parsed.config;
  }
  throw new Error('the default configuration is valid');
}

export function clusterRows(view: ClusterView, group: number | undefined): ClusterRow[] {
  const config = globalConfigOf(view);
  const addresses = new Map<string, Address | undefined>(view.members.map((m) => [m.name, addressOf(connUrlOf(m) ?? '')]));
  const known = [...addresses.values()].filter((address) => address !== undefined);
  const showPort = known.some((a) => a.port !== 5432) || new Set(known.map((a) => a.host)).size < known.length;
  const hostOf = (address: Address | undefined): string => {
    if (address === undefined) return '';
    return showPort ? `${address.host}:${address.port}` : address.host;
  };
  return [...view.members]
    .sort((a, b) => compareText(a.name, b.name))
    .map((member) => row(member, view, config, hostOf(addresses.get(member.name)), group));
}

function row(member: Member, view: ClusterView, config: GlobalConfig, host: string, group: number | undefined): ClusterRow {
  const role = roleText(member, view, config);
  const published = (field: string): string => (typeof member.data[field] === 'string' ? (member.data[field] as string) : '');
  const state = role === 'Leader' ? published('state') : published('replication_state') || published('state');
  const isLeader = view.leader?.name === member.name;
  let receive = isLeader ? undefined : memberLsn(member, 'receive_lsn');
  let replay = isLeader ? undefined : memberLsn(member, 'replay_lsn');
  const legacy = isLeader || receive !== undefined || replay !== undefined ? undefined : memberLsn(member);
  if (state === 'streaming') receive ??= legacy;
  else replay ??= legacy;
  const lsnText = (lsn: Lsn | undefined): string => (isLeader ? '' : lsn === undefined ? 'unknown' : formatLsn(lsn));
  const lag = (lsn: Lsn | undefined): number | '' =>
    lsn === undefined ? '' : roundHalfEven(Number(lagBytes(view.status.lastLsn, lsn)) / 1024 ** 2);
  return {
    group,
    member: member.name,
    host,
    role,
    state,
    timeline: typeof member.data['timeline'] === 'number' ? member.data['timeline'] : '',
    receiveLsn: lsnText(receive),
    receiveLag: lag(receive),
    replayLsn: lsnText(replay),
    replayLag: lag(replay),
    pendingRestart: isTruthy(member.data['pending_restart']) ? '*' : '',
    pendingRestartReason: reasons(member.data['pending_restart_reason']),
    scheduledRestart: scheduledRestart(member.data['scheduled_restart']),
    tags: tagsOf(member),
  };
}

function roleText(member: Member, view: ClusterView, config: GlobalConfig): string {
  if (view.leader?.name === member.name) return config.standbyCluster === undefined ? 'Leader' : 'Standby Leader';
  if (config.synchronousMode === 'off' || !isSyncVoter(view.sync, member.name)) return 'Replica';
  return config.synchronousMode === 'quorum' ? 'Quorum Standby' : 'Sync Standby';
}

function reasons(value: unknown): [string, string][] {
  if (!isPlainObject(value)) return [];
  return Object.entries(value).map(([name, change]) => {
    const { old_value: before, new_value: after } = isPlainObject(change) ? change : {};
    return [name, `${pythonText(before)}->${pythonText(after)}`];
  });
}

function scheduledRestart(value: unknown): string {
  if (!isPlainObject(value) || !isTruthy(value['schedule'])) return '';
  const version = value['postgres_version'];
  return `${pythonText(value['schedule'])}${isTruthy(version) ? ` if version < ${pythonText(version)}` : ''}`;
}

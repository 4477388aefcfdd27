import { pythonRepr } from '../../base/python-values.js';
import { apiUrlOf, roleOf } from '../../cluster/member.js';
import { standbyClusterProblems } from '../../cluster/standby-cluster.js';
import { type ClusterView, memberNamed } from '../../cluster/view.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { RestUnreachable } from '../rest-client.js';
import { loadView, printCluster } from '../selection.js';
import { confirm } from '../terminal.js';
import { localSecond } from '../times.js';

export interface StandbyClusterOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly primarySlotName?: string | undefined;
  readonly restoreCommand?: string | undefined;
  readonly force: boolean;
}

interface Change {
  readonly verb: 'demote' | 'promote';
  readonly noun: 'demotion' | 'promotion';
  /** The role that the leader publishes when it is done. */
  readonly target: 'standby_leader' | 'primary';
}

const DEMOTE: Change = { verb: 'demote', noun: 'demotion', target: 'standby_leader' };
const PROMOTE: Change = { verb: 'promote', noun: 'promotion', target: 'primary' };

/** Makes the cluster a standby cluster of another one (patronictl.md §7.16). */
export async function demoteCluster(context: CtlContext, cluster: string, options: StandbyClusterOptions): Promise<void> {
  const { host, port, primarySlotName, restoreCommand } = options;
  if (host === undefined && port === undefined && restoreCommand === undefined) {
    throw new CtlError('At least --host, --port or --restore-command should be specified');
  }
  // Replication from a wrong address would be noticed only when the cluster has become read-only.
  const problem = host === undefined ? undefined : standbyClusterProblems({ host, port, restore_command: restoreCommand })[0];
  if (problem !== undefined) throw new CtlError(problem);
  const wanted = { host, port, primary_slot_name: primarySlotName, restore_command: restoreCommand };
  await change(context, cluster, DEMOTE, wanted, options.force);
}

/** Ends being a standby cluster (patronictl.md §7.16). */
export async function promoteCluster(context: CtlContext, cluster: string, force: boolean): Promise<void> {
  await change(context, cluster, PROMOTE, null, force);
}

async function change(context: CtlContext, cluster: string, kind: Change, wanted: object | null, force: boolean): Promise<void> {
  const { terminal } = context;
  const { verb, noun } = kind;
  const group = context.settings.citusGroup === undefined ? undefined : 0;
  const view = await loadView(context, cluster, group);
  if (view.leader === undefined) throw new CtlError(`Cluster has no leader, ${noun} is not possible`);
  if (roleOf(view.leader.member) === kind.target) throw new CtlError('Cluster is already in the required state');
  terminal.out('Current cluster topology\n');
  printCluster(context, cluster, [{ group, view }], { group });
  if (!force && !(await confirm(terminal, `Are you sure you want to ${verb} ${cluster} cluster?`))) {
    throw new CtlError(`Aborted cluster ${noun}`);
  }
  await patchConfig(context, cluster, view, verb, wanted);
  const last = await waitForRole(context, cluster, group, view.leader.name, kind);
  printCluster(context, cluster, [{ group, view: last }], { group });
}

async function patchConfig(context: CtlContext, cluster: string, view: ClusterView, verb: string, wanted: object | null): Promise<void> {
  const failed = `Failed to ${verb} ${cluster} cluster: `;
  const url = view.leader && apiUrlOf(view.leader.member);
  if (url === undefined) throw new CtlError(`${failed}the leader does not publish an api_url`);
  try {
    const { status, body } = await context.rest.request('PATCH', url, '/config', { standby_cluster: wanted });
    if (status !== 200) throw new CtlError(`${failed}${failed}/config PATCH status code=${status}, (${body})`);
  } catch (error) {
    if (error instanceof RestUnreachable) throw new CtlError(`${failed}${error.message}`, { cause: error });
    throw error;
  }
}

/** Without limit: how long a demotion takes is up to the checkpoint and to the other cluster. */
async function waitForRole(
  context: CtlContext,
  cluster: string,
  group: number | undefined,
  former: string,
  { verb, target }: Change,
): Promise<ClusterView> {
  const { terminal, clock } = context;
  for (;;) {
    await clock.sleep(1000);
    const view = await loadView(context, cluster, group);
    const { leader } = view;
    const { role, state } = leader?.member.data ?? {};
    const formerState = memberNamed(view, former)?.data['state'];
    const isFormerReady = target === 'primary' || leader?.name === former || formerState === 'running';
    const now = localSecond(clock.wall());
    if (leader !== undefined && roleOf(leader.member) === target && state === 'running' && isFormerReady) {
      terminal.out(`${now} cluster is successfully ${verb}d\n`);
      return view;
    }
    const text = (value: unknown): string => (typeof value === 'string' ? value : 'None');
    const previous = target === 'primary' || leader?.name === former ? '' : `, previous leader state: ${pythonRepr(formerState ?? null)}`;
    const unlocked = leader === undefined ? 'True' : 'False';
    terminal.out(`${now} cluster is unlocked: ${unlocked}, leader role: ${text(role)}, leader state: ${text(state)}${previous}\n`);
  }
}

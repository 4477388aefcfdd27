import { stringifyJson } from '../../base/json.js';
import { compareText, pythonRepr } from '../../base/python-values.js';
import { apiUrlOf, traitsOfMember } from '../../cluster/member.js';
import { isSyncEmpty, isSyncMember } from '../../cluster/sync-state.js';
import { type ClusterView, memberNamed } from '../../cluster/view.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { globalConfigOf } from '../output/cluster-rows.js';
import { type RestAnswer, RestUnreachable } from '../rest-client.js';
import { loadGroups, loadView, printCluster } from '../selection.js';
import { confirm, prompt, promptInteger } from '../terminal.js';
import { localFraction, localMinute, parseSchedule, type Schedule } from '../times.js';

export interface SwitchoverOptions {
  readonly action: 'switchover' | 'failover';
  readonly group: number | undefined;
  readonly leader: string | undefined;
  readonly candidate: string | undefined;
  readonly scheduled: string | undefined;
  readonly force: boolean;
}

interface Plan {
  readonly cluster: string;
  readonly group: number | undefined;
  readonly view: ClusterView;
  /** Of a switchover only. */
  readonly leader: string | undefined;
  /** Empty: any, as answered; undefined: not asked. */
  readonly candidate: string | undefined;
  readonly schedule: Schedule | undefined;
}

/** patronictl.md §7.7 and §7.8 */
export async function switchover(context: CtlContext, cluster: string, options: SwitchoverOptions): Promise<void> {
  const { action, force } = options;
  const { terminal } = context;
  const all = await loadGroups(context, cluster, options.group);
  terminal.out('Current cluster topology\n');
  printCluster(context, cluster, all, { group: options.group });
  let group = options.group;
  if (group === undefined && context.settings.citusGroup !== undefined) {
    if (force) throw new CtlError('For Citus clusters the --group must me specified');
    group = await promptInteger(terminal, 'Citus group');
  }
  const view =
    group === options.group ? (all[0]?.view ?? (await loadView(context, cluster, group))) : await loadView(context, cluster, group);
  const leader = action === 'switchover' ? await chooseLeader(context, cluster, view, options) : undefined;
  const candidate = await chooseCandidate(context, cluster, view, options);
  const schedule = action === 'switchover' ? await chooseSchedule(context, view, options) : undefined;
  const plan: Plan = { cluster, group, view, leader, candidate, schedule };
  if (!force) await confirmPlan(context, plan, action);
  await execute(context, plan, action);
}

async function chooseLeader(context: CtlContext, cluster: string, view: ClusterView, options: SwitchoverOptions): Promise<string> {
  const current = view.leader?.name;
  if (current === undefined) throw new CtlError('This cluster has no leader');
  const question = globalConfigOf(view).standbyCluster === undefined ? 'Primary' : 'Standby Leader';
  const leader = options.leader ?? (options.force ? current : await prompt(context.terminal, question, current));
  if (leader !== current) throw new CtlError(`Member ${leader} is not the leader of cluster ${cluster}`);
  return leader;
}

async function chooseCandidate(
  context: CtlContext,
  cluster: string,
  view: ClusterView,
  options: SwitchoverOptions,
): Promise<string | undefined> {
  const { action, force } = options;
  const leader = view.leader?.name;
  const names = view.members
    .filter((member) => member.name !== leader && !traitsOfMember(member).nofailover)
    .map((member) => member.name)
    .sort(compareText);
  if (names.length === 0) throw new CtlError(`No candidates found to ${action} to`);
  const asked = options.candidate === undefined && !force;
  const candidate = asked ? await prompt(context.terminal, `Candidate ${pythonRepr(names)}`, '') : options.candidate;
  if (action === 'failover' && (candidate === undefined || candidate === '')) {
    throw new CtlError('Failover could be performed only to a specific candidate');
  }
  if (candidate === undefined || candidate === '') return candidate;
  if (candidate === leader) throw new CtlError(`Member ${candidate} is already the leader of cluster ${cluster}`);
  if (!names.includes(candidate)) throw new CtlError(`Member ${candidate} does not exist in cluster ${cluster} or is tagged as nofailover`);
  const isAsynchronous = globalConfigOf(view).synchronousMode !== 'off' && !isSyncEmpty(view.sync) && !isSyncMember(view.sync, candidate);
  if (action === 'failover' && isAsynchronous && !force) {
    if (!(await confirm(context.terminal, `Are you sure you want to failover to the asynchronous node ${candidate}?`))) {
      throw new CtlError('Aborting failover');
    }
  }
  return candidate;
}

async function chooseSchedule(context: CtlContext, view: ClusterView, options: SwitchoverOptions): Promise<Schedule | undefined> {
  const now = context.clock.wall();
  const question = `When should the switchover take place (e.g. ${localMinute(now + 3_600_000)} ) `;
  const text = options.scheduled ?? (options.force ? 'now' : await prompt(context.terminal, question, 'now'));
  const schedule = parseSchedule(text, now);
  if (schedule !== undefined && globalConfigOf(view).isPaused) throw new CtlError("Can't schedule switchover in the paused state");
  return schedule;
}

async function confirmPlan(context: CtlContext, plan: Plan, action: string): Promise<void> {
  const { cluster, view, schedule } = plan;
  const demoting = view.leader === undefined ? '' : `, demoting current leader ${view.leader.name}`;
  const question =
    schedule === undefined
      ? `Are you sure you want to ${action} cluster ${cluster}${demoting}?`
      : `Are you sure you want to schedule ${action} of cluster ${cluster} at ${schedule.iso}${demoting}?`;
  if (await confirm(context.terminal, question)) return;
  throw new CtlError(schedule === undefined ? `Aborting ${action}` : `Aborting scheduled ${action}`);
}

async function execute(context: CtlContext, plan: Plan, action: 'switchover' | 'failover'): Promise<void> {
  const { cluster, group, view, leader, candidate, schedule } = plan;
  const { terminal, clock } = context;
  const word = action === 'switchover' ? 'Switchover' : 'Failover';
  const body =
    action === 'failover'
      ? { candidate }
      : { candidate: candidate ?? null, leader, ...(schedule === undefined ? {} : { scheduled_at: schedule.iso }) };
  let current = view;
  try {
    const answer = await post(context, plan, action, body);
    if (answer.status === 200 || answer.status === 202) {
      terminal.out(`${localFraction(clock.wall())} ${answer.body}\n`);
      current = await loadView(context, cluster, group);
    } else {
      const isUnknown = answer.body.toLowerCase().includes('status unknown');
      terminal.out(`${word} ${isUnknown ? 'result unknown' : 'failed'}, details: ${answer.status}, ${answer.body}\n`);
      return;
    }
  } catch (error) {
    if (!(error instanceof RestUnreachable)) throw error;
    context.log('warning', `${error.message}\nFailing over to DCS`);
    terminal.out(`${localFraction(clock.wall())} Could not ${action} using Patroni api, falling back to DCS\n`);
    // The old leader's name makes the new one ignore the request, should the first one have been carried out.
    const request = {
      ...(leader === undefined ? {} : { leader }),
      ...(candidate === undefined || candidate === '' ? {} : { member: candidate }),
      ...(schedule === undefined ? {} : { scheduled_at: schedule.iso }),
    };
    await (await context.store(cluster, group)).writeFailover(stringifyJson(request), undefined);
  }
  printCluster(context, cluster, [{ group, view: current }], { group });
}

async function post(context: CtlContext, plan: Plan, action: 'switchover' | 'failover', body: unknown): Promise<RestAnswer> {
  const { view } = plan;
  const target = view.leader?.member ?? memberNamed(view, plan.candidate ?? '');
  const url = target && apiUrlOf(target);
  if (url === undefined) throw new RestUnreachable(`${target?.name ?? 'the candidate'} does not publish an api_url`, false);
  const answer = await context.rest.request('POST', url, `/${action}`, body);
  if (action === 'switchover' && answer.status === 501 && answer.body.includes('Server does not support this operation')) {
    return context.rest.request('POST', url, '/failover', body);
  }
  return answer;
}

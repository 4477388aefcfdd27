import { type JsonObject, stringifyJson } from '../../base/json.js';
import { apiUrlOf, type Member } from '../../cluster/member.js';
import { isSyncVoter } from '../../cluster/sync-state.js';
import { type ClusterView, memberNamed } from '../../cluster/view.js';
import type { AgentControl } from '../../ports/agent-control.js';
import type { Clock } from '../../ports/clock.js';
import { DcsUnavailable } from '../../ports/dcs.js';
import { page, Refusal, type Reply, text } from '../reply.js';
import { checkSchedule } from '../schedule.js';

/** The result is looked for at first this often, later each second. */
const FIRST_POLL_MS = 50;
const LAST_POLL_MS = 1000;
/** At least so long is waited for the result of a request, doubled. */
const LEAST_WAIT_S = 10;

type Kind = 'switchover' | 'failover';

interface Wanted {
  readonly kind: Kind;
  readonly leader: string | undefined;
  readonly candidate: string | undefined;
  readonly scheduledAt: string | undefined;
}

const refuse = (code: number, message: string): never => {
  throw new Refusal(text(code, message));
};

/** `POST /switchover` and `/failover` (rest-api.md §10.7). @throws Refusal, DcsUnavailable */
export async function requestLeader(control: AgentControl, clock: Clock, path: Kind, body: JsonObject): Promise<Reply> {
  const view = await control.loadCluster();
  const { config } = control.snapshot();
  const wanted = read(path, body, config.isPaused, clock.wall());
  if (wanted.leader !== undefined && wanted.leader === wanted.candidate) refuse(400, 'Switchover target and source are the same');
  if (wanted.scheduledAt === undefined) {
    const problem = await infeasibility(control, view, wanted);
    if (problem !== undefined) refuse(412, problem);
  }
  const { leader, candidate, scheduledAt } = wanted;
  const key = stringifyJson({ leader, member: candidate, scheduled_at: scheduledAt });
  if (!(await control.writeFailover(key, undefined))) refuse(503, 'failed to write failover key into DCS');
  control.wake();
  if (scheduledAt !== undefined) return text(202, 'Switchover scheduled');
  return awaitResult(control, clock, wanted, view.leader?.name, config.loopWaitMs / 1000);
}

/** `DELETE /switchover`: only a scheduled one can be taken back. */
export async function deleteSwitchover(control: AgentControl): Promise<Reply> {
  const { failover } = await control.loadCluster();
  if (failover?.scheduledAt === undefined) return text(404, 'no switchover is scheduled');
  return (await control.writeFailover(stringifyJson({}), failover.version)) ? text(200, 'scheduled switchover deleted') : page(409);
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function read(path: Kind, body: JsonObject, isPaused: boolean, now: number): Wanted {
  const leader = word(body['leader']);
  const candidate = word(body['candidate']) ?? word(body['member']);
  const at = body['scheduled_at'];
  const isScheduled = at !== undefined && at !== null && at !== '';
  if (path === 'failover' && candidate === undefined) refuse(400, 'Failover could be performed only to a specific candidate');
  if (path === 'switchover' && leader === undefined) refuse(400, 'Switchover could be performed only from a specific leader');
  if (path === 'failover' && isScheduled) refuse(400, "Failover can't be scheduled");
  if (isScheduled && isPaused) refuse(400, "Can't schedule switchover in the paused state");
  const scheduledAt = isScheduled ? checkSchedule(at, 'switchover', now) : undefined;
  if (isPaused && candidate === undefined) refuse(400, 'Switchover is possible only to a specific candidate in a paused state');
  // A failover that names the leader is a switchover.
  return { kind: leader === undefined ? path : 'switchover', leader, candidate, scheduledAt };
}

/** Why the request can't be carried out now; undefined: it can. */
async function infeasibility(control: AgentControl, view: ClusterView, wanted: Wanted): Promise<string | undefined> {
  const { synchronousMode } = control.snapshot().config;
  const isPrioritySync = synchronousMode === 'on';
  if (wanted.leader !== undefined && wanted.leader !== view.leader?.name) return 'leader name does not match';
  let candidates: readonly Member[];
  if (wanted.candidate !== undefined) {
    if (wanted.kind === 'switchover' && isPrioritySync && !isSyncVoter(view.sync, wanted.candidate))
      return 'candidate name does not match with sync_standby';
    const member = memberNamed(view, wanted.candidate);
    if (member === undefined) return 'candidate does not exists';
    candidates = [member];
  } else if (isPrioritySync) {
    candidates = view.members.filter((member) => isSyncVoter(view.sync, member.name));
    if (candidates.length === 0) return `${wanted.kind} is not possible: can not find sync_standby`;
  } else {
    candidates = view.members.filter((member) => member.name !== view.leader?.name && apiUrlOf(member) !== undefined);
    if (candidates.length === 0) return `${wanted.kind} is not possible: cluster does not have members except leader`;
  }
  const limitations = await Promise.all(
    candidates.map((member) => {
      const url = apiUrlOf(member);
      return url === undefined ? 'not reachable' : control.limitationOf(member.name, url);
    }),
  );
  return limitations.includes(undefined) ? undefined : `${wanted.kind} is not possible: no good candidates have been found`;
}

/** The store may be out of reach for a moment while the leader changes. */
async function loadIfPossible(control: AgentControl): Promise<ClusterView | undefined> {
  try {
    return await control.loadCluster();
  } catch (error) {
    if (error instanceof DcsUnavailable) return undefined;
    throw error;
  }
}

async function awaitResult(
  control: AgentControl,
  clock: Clock,
  wanted: Wanted,
  before: string | undefined,
  loopWait: number,
): Promise<Reply> {
  const [verb, title] = wanted.kind === 'switchover' ? ['switched over', 'Switchover'] : ['failed over', 'Failover'];
  const limit = 2 * Math.max(LEAST_WAIT_S, loopWait);
  const until = clock.monotonic() + limit * 1000;
  for (let pause = FIRST_POLL_MS; clock.monotonic() < until; pause = Math.min(pause * 1.25, LAST_POLL_MS)) {
    await clock.sleep(pause);
    const view = await loadIfPossible(control);
    const leader = view?.leader?.name;
    if (leader !== undefined && leader !== before) {
      return wanted.candidate === undefined || wanted.candidate === leader
        ? text(200, `Successfully ${verb} to "${leader}"`)
        : text(200, `${verb.charAt(0).toUpperCase()}${verb.slice(1)} to "${leader}" instead of "${wanted.candidate}"`);
    }
    if (view !== undefined && view.failover === undefined) return text(503, `${title} failed`);
  }
  return text(503, `${title} status unknown after ${limit} seconds; operation may still be in progress`);
}

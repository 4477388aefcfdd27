import { isTruthy } from '../../base/python-values.js';
import { isPendingRestart, type Member } from '../../cluster/member.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { globalConfigOf } from '../output/cluster-rows.js';
import { loadGroups, type Role, requireApiUrl, selectMembers } from '../selection.js';
import { confirm, prompt } from '../terminal.js';
import { localMinute, parseSchedule, type Schedule } from '../times.js';

export interface RestartOptions {
  readonly group: number | undefined;
  readonly role: Role;
  readonly any: boolean;
  readonly scheduled: string | undefined;
  readonly pgVersion: string | undefined;
  readonly pending: boolean;
  readonly timeout: string | undefined;
  readonly force: boolean;
}

/** patronictl.md §7.4 */
export async function restart(context: CtlContext, cluster: string, names: readonly string[], options: RestartOptions): Promise<void> {
  const { terminal, clock } = context;
  const groups = await loadGroups(context, cluster, options.group);
  let members = selectMembers(context, { cluster, groups, names, role: options.role, group: options.group });

  const text = options.scheduled ?? (options.force ? 'now' : await prompt(terminal, whenQuestion(clock.wall()), 'now'));
  const schedule = parseSchedule(text, clock.wall());
  if (options.pending && schedule === undefined) members = members.filter(isPendingRestart);
  if (options.any) members = members.slice(Math.floor(context.random.next() * members.length)).slice(0, 1);
  if (!options.force) await confirmRestart(context, members, schedule, options.pending);

  const version = options.pgVersion ?? (options.force ? '' : await prompt(terminal, VERSION_QUESTION, ''));
  if (version !== '') checkVersion(version);
  if (schedule !== undefined && groups.some(({ view }) => globalConfigOf(view).isPaused)) {
    throw new CtlError("Can't schedule restart in the paused state");
  }
  const body = {
    ...(options.pending ? { restart_pending: true } : {}),
    ...(version === '' ? {} : { postgres_version: version }),
    ...(schedule === undefined ? {} : { schedule: schedule.iso }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  };
  for (const member of members) {
    const url = requireApiUrl(member);
    if (schedule !== undefined && options.force && isTruthy(member.data['scheduled_restart'])) {
      const { status, body: reply } = await context.rest.request('DELETE', url, '/restart');
      if (status !== 200) terminal.out(`Failed: flush scheduled restart for member ${member.name}, status code=${status}, (${reply})\n`);
    }
    const answer = await context.rest.request('POST', url, '/restart', body);
    terminal.out(`${outcome(member, answer.status, answer.body)}\n`);
  }
}

const VERSION_QUESTION = 'Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ';

function whenQuestion(now: number): string {
  return `When should the restart take place (e.g. ${localMinute(now + 3_600_000)}) `;
}

async function confirmRestart(
  context: CtlContext,
  members: readonly Member[],
  schedule: Schedule | undefined,
  pending: boolean,
): Promise<void> {
  const names = members.map((member) => member.name).join(', ');
  const question =
    schedule === undefined
      ? `Are you sure you want to restart members ${names}?`
      : pending
        ? 'The nodes needing a restart will be identified at the scheduled time, and might be different from the ones showing pending restart right now. Is this fine?'
        : `Are you sure you want to schedule restart of members ${names} at ${schedule.text}?`;
  if (await confirm(context.terminal, question)) return;
  throw new CtlError(schedule === undefined ? 'Aborted restart' : 'Aborted scheduled restart');
}

function checkVersion(version: string): void {
  const parts = version.split('.');
  if (parts.some((part) => !/^[0-9]+$/.test(part))) throw new CtlError(`Invalid PostgreSQL version: ${version}`);
  const expected = Number(parts[0]) >= 10 ? 2 : 3;
  if (parts.length !== expected) throw new CtlError(`Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ${version}`);
}

function outcome(member: Member, status: number, body: string): string {
  if (status === 200) return `Success: restart on member ${member.name}`;
  if (status === 202) return `Success: restart scheduled on member ${member.name}`;
  if (status === 409) return `Failed: another restart is already scheduled on member ${member.name}`;
  return `Failed: restart for member ${member.name}, status code=${status}, (${body})`;
}

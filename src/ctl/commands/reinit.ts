import { parseJsonObject } from '../../base/json.js';
import type { Member } from '../../cluster/member.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { RestUnreachable } from '../rest-client.js';
import { confirmMembers, loadGroups, requireApiUrl, selectMembers } from '../selection.js';
import { confirm, prompt } from '../terminal.js';

export interface ReinitOptions {
  readonly group: number | undefined;
  readonly force: boolean;
  readonly fromLeader: boolean;
  readonly wait: boolean;
}

/** patronictl.md §7.6 */
export async function reinit(context: CtlContext, cluster: string, names: readonly string[], options: ReinitOptions): Promise<void> {
  const groups = await loadGroups(context, cluster, options.group);
  let members = selectMembers(context, {
    cluster,
    groups,
    names,
    role: 'replica',
    noMatch: 'No replica among provided members',
    group: options.group,
  });
  if (names.length === 0) members = options.force ? [] : [await askMember(context, members)];
  if (members.length > 0) await confirmMembers(context, 'reinitialize', members, options.force);
  const started: Member[] = [];
  for (const member of members) if (await reinitialize(context, member, options)) started.push(member);
  if (options.wait) await waitUntilDone(context, started);
}

async function askMember(context: CtlContext, members: readonly Member[]): Promise<Member> {
  const list = members.map((member) => member.name).join(', ');
  const name = await prompt(context.terminal, `Which member do you want to reinitialize [${list}]?`, '');
  const member = members.find((m) => m.name === name);
  if (member === undefined) throw new CtlError(`${name} is not a member of cluster`);
  return member;
}

async function reinitialize(context: CtlContext, member: Member, options: ReinitOptions): Promise<boolean> {
  let force = options.force;
  for (;;) {
    const { status, body } = await context.rest.request('POST', requireApiUrl(member), '/reinitialize', {
      force,
      from_leader: options.fromLeader,
    });
    if (status < 400) {
      context.terminal.out(`Success: reinitialize for member ${member.name}\n`);
      return true;
    }
    context.terminal.out(`Failed: reinitialize for member ${member.name}, status code=${status}, (${body})\n`);
    if (force || !body.endsWith(' already in progress')) return false;
    if (!(await confirm(context.terminal, 'Do you want to cancel it and reinitialize anyway?'))) return false;
    force = true;
  }
}

async function waitUntilDone(context: CtlContext, members: readonly Member[]): Promise<void> {
  let waiting = [...members];
  let announced = 0;
  while (waiting.length > 0) {
    if (announced !== waiting.length) {
      context.terminal.out(`Waiting for reinitialize to complete on: ${waiting.map((member) => member.name).join(', ')}\n`);
      announced = waiting.length;
    }
    await context.clock.sleep(2000);
    const still: Member[] = [];
    for (const member of waiting) {
      if ((await stateOf(context, member)) === 'creating replica') still.push(member);
      else context.terminal.out(`Reinitialize is completed on: ${member.name}\n`);
    }
    waiting = still;
  }
}

/** A member that does not answer, or answers what is no status, is taken to be still at it. */
async function stateOf(context: CtlContext, member: Member): Promise<unknown> {
  try {
    const document = parseJsonObject((await context.rest.request('GET', requireApiUrl(member), '/patroni')).body);
    return document === undefined ? 'creating replica' : document['state'];
  } catch (error) {
    if (!(error instanceof RestUnreachable)) throw error;
    context.log('warning', `Member ${member.name} is not accessible: ${error.message}`);
    return 'creating replica';
  }
}

import { addressOf, connUrlOf, type Member } from '../../cluster/member.js';
import type { CtlContext, QueryFailure, QueryResult, QuerySession } from '../context.js';
import { CtlError, UnreadableFile, UsageError } from '../errors.js';
import { formatRows } from '../output/rows.js';
import { loadGroups, membersByRole, type Role } from '../selection.js';
import { prompt } from '../terminal.js';
import { localSecond } from '../times.js';
import { watching } from './list.js';

export interface QueryOptions {
  readonly group: number | undefined;
  readonly format: string;
  readonly file: string | undefined;
  readonly command: string | undefined;
  readonly asksPassword: boolean;
  readonly username: string | undefined;
  readonly database: string | undefined;
  readonly role: Role | undefined;
  readonly member: string | undefined;
  readonly delimiter: string;
  /** Seconds between two runs; undefined: once. */
  readonly watch: number | undefined;
}

/** patronictl.md §7.3: what goes wrong with the connection or the statement is a row of the output, not an error. */
export async function query(context: CtlContext, cluster: string, options: QueryOptions): Promise<void> {
  const { role, member, file, command } = options;
  // Standard input is read only when it is clear that it is wanted.
  const statements = file === undefined || file === '-' ? undefined : await readStatements(context, file);
  if (role !== undefined && member !== undefined) throw new CtlError('--role and --member are mutually exclusive options');
  if (file !== undefined && command !== undefined) throw new CtlError('--file and --command are mutually exclusive options');
  if (file === undefined && command === undefined) throw new CtlError('You need to specify either --command or --file');
  const password = options.asksPassword ? await prompt(context.terminal, 'Password', undefined, true) : undefined;
  const sql = command ?? statements ?? (await context.workplace.readFile('-'));
  const target = pickMember(await loadGroups(context, cluster, options.group), options);
  let session: QuerySession | undefined;
  try {
    await watching(context, options.watch, false, async () => {
      const found = session ?? (target && (await connect(context, target, password, options)));
      if (found !== undefined && 'run' in found) session = found;
      const failure = found === undefined || 'run' in found ? { kind: 'failed' as const, message: noConnection(options) } : found;
      show(context, session === undefined ? failure : await session.run(sql), options);
    });
  } finally {
    await session?.close();
  }
}

/** A file that can't be read is a wrong option here, as with Patroni; with edit-config it is a failure. */
async function readStatements(context: CtlContext, file: string): Promise<string> {
  try {
    return await context.workplace.readFile(file);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    throw new UsageError(`Invalid value for '--file' / '-f': '${file}': ${error.reason}`);
  }
}

function pickMember(groups: Parameters<typeof membersByRole>[0], { role, member }: QueryOptions): Member | undefined {
  const candidates = membersByRole(groups, role ?? (member === undefined ? 'leader' : 'any'));
  return candidates.find((m) => member === undefined || m.name === member);
}

async function connect(
  context: CtlContext,
  member: Member,
  password: string | undefined,
  { username, database, role }: QueryOptions,
): Promise<QuerySession | QueryFailure | undefined> {
  const address = addressOf(connUrlOf(member) ?? '');
  if (address === undefined) return undefined;
  const isInRecovery = role === 'primary' ? false : role === undefined || role === 'any' || role === 'leader' ? undefined : true;
  return context.connect({ host: address.host, port: address.port, user: username, password, database }, isInRecovery);
}

function noConnection({ role, member }: QueryOptions): string {
  if (member !== undefined) return `No connection to member ${member} is available`;
  return role === undefined ? 'No connection is available' : `No connection to role '${role}' is available`;
}

function show(context: CtlContext, result: QueryResult, { format, delimiter }: QueryOptions): void {
  const column = (title: string): { title: string; align: 'left' } => ({ title, align: 'left' });
  if (result.kind === 'rows') {
    context.terminal.out(formatRows({ columns: result.columns.map(column), rows: result.rows }, format, { delimiter }));
    return;
  }
  const row = [localSecond(context.clock.wall()), result.message];
  const isObject = format !== 'tsv' && format !== 'pretty';
  const table = isObject ? { columns: [], rows: [[]] } : { columns: [column('Field 1'), column('Field 2')], rows: [row] };
  context.terminal.out(formatRows(table, format, { delimiter, hasHeader: format !== 'tsv' }));
}

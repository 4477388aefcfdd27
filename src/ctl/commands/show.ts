import { parseJsonObject } from '../../base/json.js';
import { COMPATIBLE_VERSION } from '../../base/version.js';
import { addressOf, apiUrlOf, connUrlOf } from '../../cluster/member.js';
import { dumpYaml } from '../../config/yaml.js';
import type { CtlContext } from '../context.js';
import { CtlError } from '../errors.js';
import { type Format, formatRows } from '../output/rows.js';
import { RestUnreachable } from '../rest-client.js';
import { loadGroups, loadView, membersByRole, type Role } from '../selection.js';

export async function showConfig(context: CtlContext, cluster: string, group: number | undefined): Promise<void> {
  const view = await loadView(context, cluster, group ?? context.settings.citusGroup);
  if (view.config !== undefined) context.terminal.out(`${dumpYaml(view.config.data, { lineWidth: 200 })}\n`);
}

/** patronictl.md §7.13 */
export async function history(
  context: CtlContext,
  cluster: string,
  options: { readonly group: number | undefined; readonly format: Format },
): Promise<void> {
  const view = await loadView(context, cluster, options.group ?? context.settings.citusGroup);
  const columns = [
    { title: 'TL', align: 'right' },
    { title: 'LSN', align: 'right' },
    { title: 'Reason', align: 'left' },
    { title: 'Timestamp', align: 'left' },
    { title: 'New Leader', align: 'left' },
  ] as const;
  const rows = (view.history?.lines ?? []).map((l) => [l.timeline, l.lsn, l.reason, l.time ?? '', l.member ?? '']);
  context.terminal.out(formatRows({ columns, rows }, options.format));
}

/** patronictl.md §7.2 */
export async function dsn(
  context: CtlContext,
  cluster: string,
  options: { readonly group: number | undefined; readonly role: Role | undefined; readonly member: string | undefined },
): Promise<void> {
  if (options.role !== undefined && options.member !== undefined) {
    throw new CtlError('--role and --member are mutually exclusive options');
  }
  const groups = await loadGroups(context, cluster, options.group);
  const role = options.role ?? (options.member === undefined ? 'leader' : 'any');
  const member = membersByRole(groups, role).find((m) => options.member === undefined || m.name === options.member);
  const url = (member && connUrlOf(member)) ?? '';
  const address = addressOf(url);
  if (address === undefined) throw new CtlError('Can not find a suitable member');
  context.terminal.out(`host=${asWritten(url, address.host)} port=${address.port}\n`);
}

/** The host in the member's own spelling: addresses are compared in lower case. */
function asWritten(url: string, host: string): string {
  const start = url.toLowerCase().indexOf(host, url.includes('@') ? url.lastIndexOf('@') : url.indexOf('//'));
  return start < 0 ? host : url.slice(start, start + host.length);
}

/** patronictl.md §7.15 */
export async function version(
  context: CtlContext,
  cluster: string | undefined,
  names: readonly string[],
  group: number | undefined,
): Promise<void> {
  const { terminal } = context;
  terminal.out(`patronictl version ${COMPATIBLE_VERSION}\n`);
  if (cluster === undefined) return;
  terminal.out('\n');
  for (const member of membersByRole(await loadGroups(context, cluster, group), 'any')) {
    const url = apiUrlOf(member);
    if (url === undefined || (names.length > 0 && !names.includes(member.name))) continue;
    terminal.out(`${member.name}: ${await versionLine(context, url)}\n`);
  }
}

async function versionLine(context: CtlContext, url: string): Promise<string> {
  try {
    const document = parseJsonObject((await context.rest.request('GET', url)).body);
    const patroni = document?.['patroni'];
    const version = typeof patroni === 'object' && patroni !== null && 'version' in patroni ? patroni['version'] : undefined;
    if (typeof version !== 'string') return 'failed to get version: the answer has none';
    const server = document?.['server_version'];
    return `Patroni ${version}${typeof server === 'number' ? ` PostgreSQL ${serverVersion(server)}` : ''}`;
  } catch (error) {
    if (error instanceof RestUnreachable) return `failed to get version: ${error.message}`;
    throw error;
  }
}

function serverVersion(number: number): string {
  const major = Math.floor(number / 10_000);
  return number >= 100_000 ? `${major}.${number % 10_000}` : `${major}.${Math.floor(number / 100) % 100}.${number % 100}`;
}

import { timingSafeEqual } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { apiUrlOf } from '../cluster/member.js';
import type { ClusterView } from '../cluster/view.js';
import type { Log } from '../ports/log.js';
import type { RestApiSettings } from '../ports/settings.js';
import { Refusal, text } from './reply.js';

/**
 * Who may change something (rest-api.md §3). Checked before the body is read: source address, client certificate, password.
 * A list whose every entry is unusable denies everybody; Patroni would let everybody in.
 */
export class Access {
  private readonly settings: RestApiSettings;
  private readonly log: Log;
  private readonly allowed: Promise<BlockList>;

  constructor(settings: RestApiSettings, log: Log) {
    this.settings = settings;
    this.log = log;
    this.allowed = this.resolve(settings.allowlist ?? []);
  }

  /**
   * @param view to find the members' addresses in; undefined where they do not count.
   * @throws Refusal 403 or 401.
   */
  async check(request: IncomingMessage, view: ClusterView | undefined, countsMembers: boolean): Promise<void> {
    await this.checkAddress(request, view, countsMembers && this.settings.allowlistIncludeMembers);
    if (this.settings.certfile !== undefined && this.settings.verifyClient !== 'none' && !(request.socket as TLSSocket).authorized) {
      throw new Refusal(text(403, 'client certificate required'));
    }
    this.checkPassword(request.headers.authorization);
  }

  private async checkAddress(request: IncomingMessage, view: ClusterView | undefined, countsMembers: boolean): Promise<void> {
    if (!this.settings.allowlist?.length && !countsMembers) return;
    const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if ((await this.allowed).check(address, family)) return;
    if (countsMembers && (await this.resolve(memberHosts(view))).check(address, family)) return;
    throw new Refusal(text(403, 'Access is denied'));
  }

  private checkPassword(header: string | undefined): void {
    const { authentication } = this.settings;
    if (authentication === undefined) return;
    const challenge = { 'WWW-Authenticate': 'Basic realm="Patroni"' };
    if (header === undefined) throw new Refusal(text(401, 'no auth header received', challenge));
    const wanted = Buffer.from(`Basic ${Buffer.from(`${authentication.username}:${authentication.password}`).toString('base64')}`);
    const given = Buffer.from(header);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw new Refusal(text(401, 'not authenticated', challenge));
  }

  private async resolve(entries: readonly string[]): Promise<BlockList> {
    const list = new BlockList();
    await Promise.all(
      entries.map(async (entry) => {
        try {
          await add(list, entry);
        } catch (error) {
          this.log.error(`restapi.allowlist: ${entry} is neither a network nor a name that can be resolved`, error);
        }
      }),
    );
    return list;
  }
}

function memberHosts(view: ClusterView | undefined): string[] {
  return (view?.members ?? []).flatMap((member) => {
    const url = apiUrlOf(member);
    return url !== undefined && URL.canParse(url) ? [new URL(url).hostname.replace(/^\[|\]$/g, '')] : [];
  });
}

/** A network (bits of the host may be set), an address, or a host name with all of its addresses. */
async function add(list: BlockList, entry: string): Promise<void> {
  const [host = '', bits, ...rest] = entry.split('/');
  // `10.0.0.1/` must not count as a network of 0 bits, which is everybody.
  if (rest.length > 0 || (bits !== undefined && !/^[0-9]{1,3}$/.test(bits))) throw new TypeError('not a network');
  const family = isIP(host);
  if (family !== 0) {
    const type = family === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(host, type);
    else list.addSubnet(host, Number(bits), type);
    return;
  }
  if (bits !== undefined) throw new TypeError('not a network');
  for (const found of await lookup(host, { all: true })) list.addAddress(found.address, found.family === 6 ? 'ipv6' : 'ipv4');
}

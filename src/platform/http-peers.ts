import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { parseJsonObject, stringifyJson } from '../base/json.js';
import { lsnFromBytes, maxLsn } from '../base/lsn.js';
import { isPlainObject, isTruthy, parseBigInteger, parseInteger } from '../base/python-values.js';
import type { Clock } from '../ports/clock.js';
import type { PeerStatus, Peers } from '../ports/peers.js';
import type { CtlSettings } from '../ports/settings.js';

const MAX_BODY = 1_048_576;

/** Requests to other members' REST API (rest-api.md §12). `ctl` is read at each call, so reloads take effect. */
export function httpPeers(ctl: () => CtlSettings, clock: Clock): Peers {
  const ask = (method: string, url: string, ms: number, body?: string): Promise<Answer> => send(ctl(), clock, method, url, ms, body);
  return {
    status: async (_name, apiUrl, ms) => {
      try {
        return parsePeerStatus((await ask('GET', apiUrl, ms)).body);
      } catch (error) {
        return { kind: 'unreachable', error: String(error) };
      }
    },
    failsafe: async (_name, apiUrl, ping, ms) => {
      for (let attempt = 0; attempt < 2; attempt++) {
        try {
          const answer = await ask('POST', new URL('/failsafe', apiUrl).href, ms / 2, stringifyJson(ping));
          const bytes = parseBigInteger(answer.headers['lsn']);
          const accepted = answer.code === 200 && answer.body === 'Accepted';
          return { accepted, lsn: bytes === undefined ? undefined : lsnFromBytes(bytes) };
        } catch {} // no answer: repeat once, then it counts as not accepted
      }
      return { accepted: false, lsn: undefined };
    },
    isAlive: (apiUrl, ms) =>
      ask('GET', new URL('/liveness', apiUrl).href, ms).then(
        () => true,
        () => false,
      ),
  };
}

/** Judges a status document (rest-api.md §12.1); one without usable positions counts as unreachable. */
export function parsePeerStatus(body: string): PeerStatus {
  const document = parseJsonObject(body);
  const wal = document?.['wal'] ?? document?.['xlog'];
  if (document === undefined || !isPlainObject(wal)) return { kind: 'unreachable', error: 'no status document with a position' };
  const role = document['role'];
  const isInRecovery = !(isTruthy(wal['location']) || role === 'primary' || role === 'master');
  const read = (field: string) => {
    const value = wal[field];
    return typeof value === 'number' || typeof value === 'bigint' ? lsnFromBytes(value) : undefined;
  };
  const [received, replayed] = [read('received_location'), read('replayed_location')];
  if (isInRecovery && (received === undefined || replayed === undefined)) return { kind: 'unreachable', error: 'no positions' };
  const tags = document['tags'];
  return {
    kind: 'answered',
    isInRecovery,
    lsn: isInRecovery ? maxLsn(received, replayed) : maxLsn(),
    timeline: parseInteger(document['timeline']) ?? 0,
    tags: isPlainObject(tags) ? tags : {},
    isWatchdogFailed: isTruthy(document['watchdog_failed']),
  };
}

type Answer = { readonly code: number; readonly headers: IncomingHttpHeaders; readonly body: string };

function send(ctl: CtlSettings, clock: Clock, method: string, url: string, ms: number, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isTls = url.startsWith('https:');
    const auth = ctl.authentication && `${ctl.authentication.username}:${ctl.authentication.password}`;
    const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path));
    const tls = isTls && { rejectUnauthorized: ctl.certfile !== undefined, checkServerIdentity: () => undefined };
    const keys = isTls &&
      ctl.certfile && {
        cert: file(ctl.certfile),
        key: file(ctl.keyfile ?? ctl.certfile),
        ca: file(ctl.cacert),
        passphrase: ctl.keyfilePassword,
      };
    const headers = { 'User-Agent': 'Patroni', 'Content-Length': Buffer.byteLength(body) };
    const options = { method, agent: false, headers, ...(auth ? { auth } : {}), ...(tls || {}), ...(keys || {}) };
    const request = (isTls ? httpsRequest : httpRequest)(url, options as object, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BODY) request.destroy(new Error('answer too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        cancel();
        resolve({ code: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    const cancel = clock.after(ms, () => request.destroy(new Error(`no answer within ${ms} ms`)));
    function fail(error: Error): void {
      cancel();
      reject(error);
    }
    request.on('error', fail);
    request.end(body);
  });
}

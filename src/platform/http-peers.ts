import { parseJsonObject, stringifyJson } from '../base/json.js';
import { lsnFromBytes, maxLsn } from '../base/lsn.js';
import { isPlainObject, isTruthy, parseBigInteger, parseInteger } from '../base/python-values.js';
import type { Clock } from '../ports/clock.js';
import type { FailsafeReply, PeerStatus, Peers } from '../ports/peers.js';
import type { CtlSettings } from '../ports/settings.js';
import { askPeer, type PeerAnswer, PeerFailure, type PeerRequest } from './peer-request.js';

/** A peer that lost one answer may have been busy for a moment only. */
const FAILSAFE_ATTEMPTS = 2;
/** Characters of a refusal that are worth a place in the log. */
const MOST_DETAIL = 200;

/** Requests to other members' REST API (rest-api.md §12). `ctl` is read at each call, so reloads take effect. */
export function httpPeers(ctl: () => CtlSettings, clock: Clock): Peers {
  const ask = async (request: PeerRequest): Promise<PeerAnswer | PeerFailure> => {
    try {
      return await askPeer(ctl(), clock, request);
    } catch (error) {
      if (error instanceof PeerFailure) return error;
      throw error;
    }
  };
  return {
    status: async (_name, apiUrl, timeoutMs) => {
      const answer = await ask({ method: 'GET', url: apiUrl, timeoutMs });
      return answer instanceof PeerFailure ? { kind: 'unreachable', error: answer.message } : parsePeerStatus(answer.body);
    },
    failsafe: async (_name, apiUrl, ping, timeoutMs) => {
      const request: PeerRequest = { method: 'POST', url: endpoint(apiUrl, '/failsafe'), timeoutMs, body: stringifyJson(ping) };
      let detail = '';
      for (let attempt = 0; attempt < FAILSAFE_ATTEMPTS; attempt++) {
        const answer = await ask(request);
        if (!(answer instanceof PeerFailure)) return judgeFailsafe(answer);
        detail = answer.message;
      }
      return { accepted: false, lsn: undefined, detail };
    },
    isAlive: async (apiUrl, timeoutMs) =>
      !((await ask({ method: 'GET', url: endpoint(apiUrl, '/liveness'), timeoutMs })) instanceof PeerFailure),
  };
}

/** Scheme and authority of a member's `api_url` with another path; what is no URL stays, and fails as one. */
function endpoint(apiUrl: string, path: string): string {
  return URL.canParse(apiUrl) ? new URL(path, apiUrl).href : apiUrl;
}

/** Only status 200 with exactly this body is a consent «RISK» (rest-api.md §10.11). */
function judgeFailsafe({ code, body, headers }: PeerAnswer): FailsafeReply {
  const bytes = parseBigInteger(headers['lsn']);
  const accepted = code === 200 && body === 'Accepted';
  return {
    accepted,
    lsn: bytes === undefined ? undefined : lsnFromBytes(bytes),
    isLeading: code === 500 && body === 'Running as a leader',
    detail: accepted ? body : `status ${code}: ${body.slice(0, MOST_DETAIL)}`,
  };
}

/** Judges a status document (rest-api.md §12.1); one without usable positions counts as unreachable. */
export function parsePeerStatus(body: string): PeerStatus {
  const document = parseJsonObject(body);
  const wal = document?.['wal'] ?? document?.['xlog'];
  const role = document?.['role'];
  if (document === undefined || !isPlainObject(wal)) {
    const hasNoData = document !== undefined && role === 'uninitialized';
    return { kind: 'unreachable', error: 'no status document with a position', ...(hasNoData ? { hasNoData } : {}) };
  }
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
    ...(isTruthy(document['disk_full']) ? { isDiskFull: true } : {}),
    ...(isTruthy(document['receives_wal']) ? { isReceiving: true } : {}),
  };
}

import { isJsonObject, parseJson, stringifyJson } from '../base/json.js';
import { LSN_ZERO, type Lsn, maxLsn } from '../base/lsn.js';
import { FOLLOWS_BY_RELOAD_FROM } from '../cluster/postgres-state.js';
import type { FailsafePing, FailsafeReply, PeerStatus, Peers } from '../ports/peers.js';
import type { SimEnvironment, SimPeer } from './environment.js';
import type { SeededRandom } from './prng.js';

/** An answer that takes a while, in milliseconds. */
const LATENCY = { least: 1, most: 20 };

interface Asker {
  readonly world: SimEnvironment;
  readonly name: string;
  readonly random: SeededRandom;
}

/** The REST API of the others, as far as the network lets it through. Data cross it as text. */
export function simPeers(world: SimEnvironment, name: string, random: SeededRandom): Peers {
  return {
    status: (peer, _url, timeoutMs) => status({ world, name, random }, peer, timeoutMs),
    failsafe: (peer, _url, ping, timeoutMs) => failsafe({ world, name, random }, peer, ping, timeoutMs),
    isAlive: async () => false,
  };
}

/** The peer when a request gets there and back; undefined after the time that it took to find out. */
async function reach({ world, name, random }: Asker, peer: string, timeoutMs: number): Promise<SimPeer | string> {
  const { scheduler } = world;
  await scheduler.sleep(random.between(LATENCY.least, LATENCY.most));
  const member = world.member(peer);
  const isMute = member?.life?.isAlive === true && member.life.isFrozen;
  const isLost = world.lossRate > 0 && random.chance(world.lossRate);
  if (!world.canConnect(name, peer) || isMute || isLost) {
    await scheduler.sleep(timeoutMs);
    return 'timed out';
  }
  return member?.isAgentAlive === true && member.agent !== undefined ? member : 'connection refused';
}

async function status(asker: Asker, peer: string, timeoutMs: number): Promise<PeerStatus> {
  const member = await reach(asker, peer, timeoutMs);
  if (typeof member === 'string' || member.agent === undefined) return { kind: 'unreachable', error: String(member) };
  const answer = member.agent.control.refresh(0);
  const snapshot = await Promise.race([answer, asker.world.scheduler.sleep(timeoutMs)]);
  if (snapshot === undefined) return { kind: 'unreachable', error: 'timed out' };
  const observed = snapshot.postgres.status;
  const hasNoData = snapshot.postgres.dataDirectory.kind === 'empty';
  if (observed.kind !== 'known') return { kind: 'unreachable', error: 'no wal position', ...(hasNoData ? { hasNoData } : {}) };
  const { isInRecovery, receiveLsn, replayLsn } = observed.value;
  const lsn = isInRecovery ? maxLsn(receiveLsn, replayLsn) : LSN_ZERO;
  const document = parseJson(stringifyJson({ isInRecovery, lsn, timeline: snapshot.timeline ?? 0, tags: snapshot.tags }));
  if (!isJsonObject(document)) return { kind: 'unreachable', error: 'not JSON' };
  return {
    kind: 'answered',
    isInRecovery: document['isInRecovery'] === true,
    lsn: BigInt(String(document['lsn'])) as Lsn,
    timeline: Number(document['timeline']),
    tags: isJsonObject(document['tags']) ? document['tags'] : {},
    isWatchdogFailed: false,
    ...(isInRecovery && snapshot.postgres.isCutOff !== true && snapshot.postgres.majorVersion >= FOLLOWS_BY_RELOAD_FROM
      ? { isReceiving: true }
      : {}),
  };
}

async function failsafe(asker: Asker, peer: string, ping: FailsafePing, timeoutMs: number): Promise<FailsafeReply> {
  const member = await reach(asker, peer, timeoutMs);
  if (typeof member === 'string' || member.agent === undefined) return { accepted: false, lsn: undefined };
  // As the REST API does.
  if (!member.agent.control.snapshot().config.failsafeMode) return { accepted: false, lsn: undefined };
  const answer = member.agent.control.acceptFailsafe(ping);
  if (answer.kind === 'accepted') return { accepted: true, lsn: answer.lsn };
  return { accepted: false, lsn: undefined, isLeading: answer.kind === 'running-as-leader' };
}

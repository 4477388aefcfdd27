import { createHash } from 'node:crypto';
import type { GuardedServer } from '../../../test/contract/drills/harness.js';
import { storeDrills } from '../../../test/contract/drills.js';
import { endSession, RawZooKeeper } from '../../../test/support/raw-zookeeper.js';
import { silentLog } from '../../../test/support/silent-log.js';
import type { StoreServer } from '../../../test/support/store-server.js';
import { modeOf, startEnsemble, startZooKeeper } from '../../../test/support/zookeeper-server.js';
import { nodeClock } from '../../platform/node-clock.js';
import { nodeRandom } from '../../platform/node-random.js';
import { createZooKeeper } from './zookeeper-dcs.js';

/** A user of the digest scheme, as nodes name it. */
function digest(user: string, password: string): string {
  return `digest:${user}:${createHash('sha1').update(`${user}:${password}`).digest('base64')}`;
}

/** The right to read is one of each node, so all members must give it. */
async function startGuarded(): Promise<GuardedServer> {
  const server = await startZooKeeper();
  const set_acls = { [digest('patroni', 'hush')]: ['ALL'], [digest('reader', 'mum')]: ['READ'] };
  const as = (user: string): Readonly<Record<string, unknown>> => ({ set_acls, auth_data: { digest: user } });
  return { server, right: as('patroni:hush'), wrong: as('patroni:a-stranger'), readOnly: as('reader:mum'), secret: 'a-stranger' };
}

async function leaderAmong(servers: readonly StoreServer[]): Promise<number> {
  const modes = await Promise.all(servers.map(({ port }) => modeOf(port)));
  return modes.indexOf('leader');
}

async function withRaw<T>(server: StoreServer, work: (raw: RawZooKeeper) => Promise<T>): Promise<T> {
  const raw = await RawZooKeeper.connect(server.port);
  try {
    return await work(raw);
  } finally {
    await raw.close();
  }
}

async function endLease(server: StoreServer, scope: string): Promise<void> {
  const key = await withRaw(server, (raw) => raw.get(`/service/${scope}/leader`));
  await endSession(server.port, key?.stat.ephemeralOwner ?? 0n);
}

storeDrills('zookeeper', {
  // A value of 1 MB and what is around it is a little more than what a server takes by itself.
  startServer: () => startZooKeeper({ properties: { 'jute.maxbuffer': String(2 * 1024 * 1024) }, heapMb: 256 }),
  startEnsemble: () => startEnsemble(),
  leaderAmong,
  startGuarded,
  client: (name, ports, { timings, scope, section }) =>
    createZooKeeper({
      section: { hosts: ports.map((port) => `127.0.0.1:${port}`), ...section },
      ...{ scope, name, namespace: 'service', timings, clock: nodeClock, random: nodeRandom, log: silentLog },
    }),
  writeRaw: (server, scope, key, value) => withRaw(server, (raw) => raw.put(`/service/${scope}/${key}`, value)),
  endLease,
  // The server is told of us for half as long again as loop_wait after the last call, and rounds.
  expirySlackMs: 4000,
});

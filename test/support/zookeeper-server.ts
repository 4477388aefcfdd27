import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

import { freeze } from './freeze.js';
import type { StoreServer } from './store-server.js';

const START_TIMEOUT_MS = 60_000;
const TICK_MS = 200;
const HEAP_MB = 96;
/** Where scripts/lib/zookeeper.mjs unpacks it. */
export const JARS = '/var/tmp/patroni-zookeeper/usr/share/java';
/** The last server without the requests that came with 3.6. */
export const OLD_JARS = '/var/tmp/patroni-zookeeper-old/usr/share/java';

export interface ZooKeeperServerOptions {
  readonly jars?: string;
  /** Over the lines of the configuration file. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly heapMb?: number;
  /** Java properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The number of this server, and where the servers of its ensemble talk to each other: `host:port:port`. */
  readonly ensemble?: { readonly id: number; readonly peers: readonly string[] };
  /** Instead of the plain port. */
  readonly securePort?: number;
  /** Instead of 127.0.0.1 and a free port. */
  readonly address?: { readonly host: string; readonly port: number };
}

/** Collector and compiler of a server that starts fast and lives for a minute. */
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];

/** The command line of a server. */
export function zookeeperArguments(
  jars: string,
  configFile: string,
  { properties = {}, heapMb = HEAP_MB }: Pick<ZooKeeperServerOptions, 'properties' | 'heapMb'> = {},
): string[] {
  // Of the many logging back ends of the package none is wanted.
  const path = readdirSync(jars).filter(
    (name) => name.endsWith('.jar') && !/^slf4j-(?!api|nop)|^jcl-|^jul-|^log4j-over-|-\d[\d.]*\S*\.jar$/.test(name),
  );
  const given = Object.entries({ 'zookeeper.admin.enableServer': 'false', ...properties }).map(([key, value]) => `-D${key}=${value}`);
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
  return [`-Xmx${heapMb}m`, ...JVM, ...given, '-cp', path.map((name) => join(jars, name)).join(':'), main, configFile];
}

/** A real one. */
export async function startZooKeeper(options: ZooKeeperServerOptions = {}): Promise<StoreServer> {
  const directory = await mkdtemp(join(tmpdir(), 'zookeeper-test-'));
  const host = options.address?.host ?? '127.0.0.1';
  const port = options.securePort ?? options.address?.port ?? (await freePort());
  const { ensemble } = options;
  const dataDir = join(directory, 'data');
  mkdirSync(dataDir);
  if (ensemble) writeFileSync(join(dataDir, 'myid'), String(ensemble.id));
  const lines = {
    ...{ dataDir, tickTime: TICK_MS, maxSessionTimeout: 60_000, initLimit: 25, syncLimit: 10, '4lw.commands.whitelist': '*' },
    ...(options.securePort === undefined ? { clientPort: port, clientPortAddress: host } : { secureClientPort: port }),
    ...(options.securePort === undefined ? {} : { secureClientPortAddress: '127.0.0.1' }),
    ...Object.fromEntries(ensemble?.peers.map((peer, i) => [`server.${i + 1}`, peer]) ?? []),
    ...options.settings,
  };
  const file = join(directory, 'zoo.cfg');
  writeFileSync(
    file,
    Object.entries(lines)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const args = zookeeperArguments(options.jars ?? JARS, file, options);
  let child: ChildProcess;
  const run = async (): Promise<void> => {
    child = spawn('java', args, { stdio: 'ignore' });
    child.on('error', () => undefined);
    if (ensemble === undefined && options.securePort === undefined) await untilServing(port, host);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  };
  await run();
  return {
    url: `${host}:${port}`,
    port,
    kill,
    restart: run,
    freeze: () => freeze(child),
    thaw: () => child.kill('SIGCONT'),
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Three servers on one machine. */
export async function startEnsemble(
  options: ZooKeeperServerOptions = {},
  addresses: readonly NonNullable<ZooKeeperServerOptions['address']>[] = [],
): Promise<readonly StoreServer[]> {
  const peers: string[] = [];
  for (let i = 0; i < 3; i += 1) peers.push(`127.0.0.1:${await freePort()}:${await freePort()}`);
  const servers = await Promise.all(
    peers.map((_, i) => {
      const address = addresses[i];
      return startZooKeeper({ ...options, ensemble: { id: i + 1, peers }, ...(address === undefined ? {} : { address }) });
    }),
  );
  for (const [i, { port }] of servers.entries()) await untilServing(port, addresses[i]?.host);
  return servers;
}

/** What a server says of itself: `leader`, `follower`, `standalone`; undefined while it serves nobody. */
export async function modeOf(port: number, host?: string): Promise<string | undefined> {
  return /^Mode: (\w+)/m.exec(await fourLetters(port, 'srvr', host).catch(() => ''))?.[1];
}

/** One of ZooKeeper's commands past the client under test. */
export function fourLetters(port: number, command: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(command));
    let text = '';
    socket.setTimeout(3000, () => socket.destroy(new Error('timeout')));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

async function untilServing(port: number, host?: string): Promise<void> {
  for (const end = Date.now() + START_TIMEOUT_MS; (await modeOf(port, host)) === undefined; ) {
    if (Date.now() > end) throw new Error(`ZooKeeper at ${port} not within ${START_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

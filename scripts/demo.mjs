// A PostgreSQL cluster that fails over, from one command: installs what is missing, builds, starts etcd, three members and
// HAProxy on loopback as an unprivileged user, and shows what they do until Ctrl-C, which stops everything again.
// Usage: npm run demo [-- --tour]     --tour: without a person, once; exit code 0 when all went as promised
//        --keep: leave the folder with configuration, logs and data

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { answerHelp } from './lib/help.mjs';
import { readableCheckout, readableNode } from './lib/unprivileged.mjs';
import { setup } from './setup.mjs';

answerHelp(import.meta.url);

const root = fileURLToPath(new URL('..', import.meta.url));
const WANTED = { store: 2379, postgres: 5432, rest: 8008, proxy: 5000, stats: 7000 };
// An agent that ended comes back, as under a service manager, but late enough to watch the others take over (ttl 30).
const RESTART_AFTER_MS = 60_000;

const { values } = parseArgs({ options: { tour: { type: 'boolean' }, keep: { type: 'boolean' } } });
const say = (text = '') => process.stdout.write(`${text}\n`);

const undo = [];
let stopping;

/** Undoes, last first, what was started; the same promise however often it is asked for (npm passes Ctrl-C on again). */
function stopAll() {
  stopping ??= (async () => {
    for (const step of undo.splice(0).reverse()) await step();
  })();
  return stopping;
}

let interrupted;
/** Settles when a person or a supervisor ends the demo. */
const interruption = new Promise((resolve) => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      interrupted ??= name;
      resolve(name);
    });
  }
});

/** The cluster, or undefined when the demo was ended before it stood. */
async function startCluster() {
  const scratch = mkdtempSync(join(tmpdir(), 'patroni-demo-'));
  chmodSync(scratch, 0o755);
  undo.push(() => rmSync(scratch, { recursive: true, force: true }));
  const checkout = readableCheckout(root);
  undo.push(() => checkout.remove());
  const { createCluster } = await import('./lib/cluster.mjs');
  say('starting etcd, three members and HAProxy …');
  const cluster = await createCluster({ checkout: checkout.root, node: readableNode(scratch), ports: WANTED });
  undo.push(() => cluster.stop({ keep: values.keep }));
  undo.push(() => say(`stopping everything${values.keep ? `; logs and data stay in ${cluster.folder}` : ''} …`));
  const started = performance.now();
  cluster.start();
  await cluster.startProxy({ port: WANTED.proxy, statsPort: WANTED.stats });
  const outcome = await Promise.race([cluster.untilHealthy(), interruption]);
  if (outcome !== undefined) return undefined;
  say(`three members healthy after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return cluster;
}

function guide(cluster) {
  const [first] = cluster.members;
  const { port, statsPort } = cluster.proxy();
  const taken = port === WANTED.proxy ? '' : `   (${WANTED.proxy} is taken)`;
  const ctl = `bin/patronictl -c ${first.configFile}`;
  return `
  connect     PGPASSWORD=zalando psql --host 127.0.0.1 --port ${port} --username postgres${taken}
  REST        ${cluster.members.map(({ restPort }) => `http://127.0.0.1:${restPort}`).join('  ')}  (try /cluster, /patroni, /metrics)
  statistics  http://127.0.0.1:${statsPort}/   (HAProxy)
  files       ${cluster.folder}   (configuration, logs, data)

  try, in another terminal:
    ${ctl} list
    ${ctl} switchover
    ${ctl} edit-config
    kill -9 $(head -1 ${first.dataDir}/postmaster.pid)      # PostgreSQL of ${first.name} crashes
    kill -9 ${first.agent()?.pid}      # the agent of ${first.name} dies; started again after ${RESTART_AFTER_MS / 1000} s
    npm run demo -- --tour      # all of it by itself, with the gaps that a client sees

  Ctrl-C stops everything.
`;
}

/** Shows the members until the demo is ended. */
async function watch(cluster) {
  const { showMembers } = await import('./lib/member-table.mjs');
  const { sleep } = await import('./lib/wait.mjs');
  say(guide(cluster));
  const table = showMembers(cluster, process.stdout);
  undo.push(() => table.close());
  const endedAt = new Map();
  while (!interrupted) {
    await table.refresh();
    for (const member of cluster.members) {
      if (member.agent().isRunning()) endedAt.delete(member);
      else if (!endedAt.has(member)) endedAt.set(member, performance.now());
      else if (performance.now() - endedAt.get(member) > RESTART_AFTER_MS) member.start();
    }
    await Promise.race([sleep(500), interruption]);
  }
}

async function main() {
  setup();
  if (interrupted) return 130;
  const { bundle } = await import('./build.mjs');
  await bundle();
  const cluster = interrupted ? undefined : await startCluster();
  if (!cluster) return 130;
  if (!values.tour) {
    await watch(cluster);
    return 0;
  }
  const { tour } = await import('./lib/tour.mjs');
  const isAsPromised = await Promise.race([tour(cluster, say), interruption.then(() => undefined)]);
  if (isAsPromised === undefined) return 130;
  return isAsPromised ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
}
// A tour that was broken off may still wait for something.
process.exit();

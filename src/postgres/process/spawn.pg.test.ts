import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../../../test/support/free-port.js';
import { binDir, initdb, until, whyNoPostgres } from '../../../test/support/postgres-server.js';
import { scratch } from '../../../test/support/scratch.js';
import { nodeClock } from '../../platform/node-clock.js';
import { probe } from './probe.js';
import { Procfs } from './procfs.js';

test('the server survives the agent', { skip: whyNoPostgres() ?? false, timeout: 60_000 }, async () => {
  const folder = scratch();
  const dataDir = join(folder, 'data');
  initdb(dataDir);
  writeFileSync(
    join(dataDir, 'postgresql.conf'),
    `listen_addresses = ''\nunix_socket_directories = '${folder}'\nport = ${await freePort()}\n`,
  );
  const port = /port = (\d+)/.exec(readFileSync(join(dataDir, 'postgresql.conf'), 'utf8'))?.[1] ?? '';
  const program = `
    const { spawnDetached } = await import(${JSON.stringify(new URL('./spawn.js', import.meta.url).href)});
    const { nodeClock } = await import(${JSON.stringify(new URL('../../platform/node-clock.js', import.meta.url).href)});
    console.log(await spawnDetached(${JSON.stringify([join(binDir() ?? '', 'postgres'), '-D', dataDir])}, process.env, nodeClock));
    setInterval(() => {}, 1000);`;
  const agent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = await new Promise<number>((resolve) => agent.stdout.once('data', (text: Buffer) => resolve(Number(text))));
  assert.ok(pid > 0);
  after(() => rmSync(folder, { recursive: true, force: true }));

  const target = { host: folder, port, user: 'postgres', dbname: 'postgres' };
  await until('ready', async () => (await probe(target, nodeClock)) === 'accepting');
  const table = new Procfs();
  assert.notEqual(table.facts(pid)?.parent, agent.pid, 'no child of the agent');
  agent.kill('SIGKILL');
  await new Promise((resolve) => agent.once('exit', resolve));
  assert.equal(await probe(target, nodeClock), 'accepting');
  const session = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3];
  assert.notEqual(session, readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[3]);

  process.kill(pid, 'SIGQUIT');
  await until('stopped', () => table.facts(pid) === undefined);
  assert.equal(await probe(target, nodeClock), 'no-response');
});

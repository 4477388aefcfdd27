import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../../test/support/scratch.js';
import { milliseconds } from '../base/duration.js';
import { nodeClock } from '../platform/node-clock.js';
import type { Log } from '../ports/log.js';
import { createCallbacks } from './callbacks.js';
import { createCancellableRunner } from './cancellable.js';
import { descendants } from './process/process-table.js';
import { Procfs } from './process/procfs.js';

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warning: quiet, error: quiet, critical: quiet, named: () => log };
const create = () => createCancellableRunner({ clock: nodeClock, table: new Procfs(), log });

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = nodeClock.monotonic() + 8_000;
  while (!condition()) {
    if (nodeClock.monotonic() > end) assert.fail(`not reached within 8 s: ${what}`);
    await nodeClock.sleep(20);
  }
}

test('output is captured and streamed, stdin ends', async () => {
  const lines: string[] = [];
  const options = { capture: true, stdin: 'hello\n', onLine: (line: string) => lines.push(line), env: { X: 'y' } };
  const outcome = await create().run(['sh', '-c', 'cat; echo $X >&2; printf last; exit 3'], options);
  assert.deepEqual(outcome, { kind: 'exited', exitCode: 3, stdout: 'hello\nlast', stderr: 'y\n' });
  assert.deepEqual(lines.toSorted(), ['hello', 'last', 'y']);
});

test('settings of the agent do not reach its children', async () => {
  process.env['PATRONI_SUPERUSER_PASSWORD'] = 'secret';
  try {
    const outcome = await create().run(['env'], { capture: true });
    assert.ok(outcome.kind === 'exited' && outcome.stdout.includes('PATH=') && !outcome.stdout.includes('secret'));
  } finally {
    delete process.env['PATRONI_SUPERUSER_PASSWORD'];
  }
});

test('only the end of a long output is kept', async () => {
  const outcome = await create().run(['sh', '-c', 'head -c 300000 /dev/zero | tr "\\0" a; echo end'], { capture: true });
  assert.ok(outcome.kind === 'exited' && outcome.stdout.length === 65_536 && outcome.stdout.endsWith('aend\n'));
});

test('a program that is not there is not started', async () => {
  assert.equal((await create().run(['/nonexistent'])).kind, 'not-started');
});

test('a background process that keeps the pipe does not hold the runner', async () => {
  const outcome = await create().run(['sh', '-c', 'sleep 5 & echo done'], { capture: true });
  assert.ok(outcome.kind === 'exited' && outcome.stdout === 'done\n');
});

test('cancel ends the command with what it started, and nothing runs until reset', async () => {
  const runner = create();
  const running = runner.run(['sh', '-c', 'sleep 60 & sleep 60'], { capture: true });
  await until(
    () => descendants(new Procfs(), process.pid).filter((p) => /^sleep.60/.test(commandOf(p.pid))).length === 2,
    'both sleeps run',
  );
  const sleeps = descendants(new Procfs(), process.pid).filter((p) => /^sleep.60/.test(commandOf(p.pid)));
  await runner.cancel();
  assert.deepEqual(await running, { kind: 'cancelled' });
  await until(() => sleeps.every((p) => commandOf(p.pid) === ''), 'both sleeps are gone');
  assert.deepEqual(await runner.run(['true']), { kind: 'cancelled' });
  runner.reset();
  assert.equal((await runner.run(['true'])).kind, 'exited');
});

test('case 38: a command that ignores SIGTERM is killed after ten seconds, with what it started', async () => {
  // Ten times as fast as the real one.
  const clock = { ...nodeClock, monotonic: () => milliseconds(nodeClock.monotonic() * 10) };
  const runner = createCancellableRunner({ clock, table: new Procfs(), log });
  const running = runner.run(['sh', '-c', "trap '' TERM; sleep 62 & while :; do sleep 0.2; done"], { capture: true });
  const sleeps = () => descendants(new Procfs(), process.pid).filter(({ pid }) => /^sleep.62/.test(commandOf(pid)));
  await until(() => sleeps().length === 1, 'command runs');
  const [below] = sleeps();
  const begin = clock.monotonic();
  await runner.cancel();
  const took = clock.monotonic() - begin;
  assert.deepEqual(await running, { kind: 'cancelled' });
  assert.ok(took >= 10_000, `${took} ms`);
  await until(() => commandOf(below?.pid ?? 0) === '', 'what it started is gone');
});

test('a signal ends one command with what it started, and others run', async () => {
  const runner = create();
  const end = new AbortController();
  const running = runner.run(['sh', '-c', "trap '' TERM; sleep 63; sleep 63"], { signal: end.signal });
  const waiting = runner.run(['echo'], { signal: end.signal });
  const sleeps = () => descendants(new Procfs(), process.pid).filter(({ pid }) => /^sleep.63/.test(commandOf(pid)));
  await until(() => sleeps().length === 1, 'command runs');
  end.abort();
  assert.deepEqual([await running, await waiting], [{ kind: 'cancelled' }, { kind: 'cancelled' }]);
  await until(() => sleeps().length === 0, 'what it started is gone');
  assert.equal((await runner.run(['true'])).kind, 'exited');
});

test('a hard cancel does not wait for a command that ignores SIGTERM', async () => {
  const runner = create();
  const running = runner.run(['sh', '-c', "trap '' TERM; echo ready; while :; do sleep 0.2; done"], { capture: true });
  await until(() => descendants(new Procfs(), process.pid).some((p) => commandOf(p.pid).includes('trap')), 'command runs');
  const start = nodeClock.monotonic();
  await runner.cancel({ hard: true });
  assert.deepEqual(await running, { kind: 'cancelled' });
  assert.ok(nodeClock.monotonic() - start < 5_000);
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

test('a callback gets action, role and scope; a newer one replaces it; reload has its own lane', async () => {
  const file = join(scratch('callbacks-'), 'out');
  const write = `sh -c 'echo "$@" >> ${file}' x "a b"`;
  const commands = { on_start: `sh -c 'sleep 60' x`, on_role_change: write, on_reload: write };
  const callbacks = createCallbacks({ commands: () => commands, scope: 'demo', clock: nodeClock, table: new Procfs(), log });
  assert.equal(callbacks.wasCalled, false);
  callbacks.call('on_start', 'replica');
  assert.equal(callbacks.wasCalled, true);
  callbacks.call('on_reload', 'replica');
  callbacks.call('on_role_change', 'promoted');
  const lines = (): string[] => readLines(file).toSorted();
  await until(() => lines().length === 2, 'two callbacks wrote');
  assert.deepEqual(lines(), ['a b on_reload replica demo', 'a b on_role_change primary demo']);
});

test('T165: a newer on_reload ends the older one first, with what that one started', async () => {
  const file = join(scratch('callbacks-'), 'out');
  const script = `sh -c 'echo begun >> ${file}; sleep 61; echo ended >> ${file}' x`;
  const commands = { on_reload: script };
  const callbacks = createCallbacks({ commands: () => commands, scope: 'demo', clock: nodeClock, table: new Procfs(), log });
  const sleeps = () => descendants(new Procfs(), process.pid).filter(({ pid }) => /^sleep.61/.test(commandOf(pid)));
  const begun = (): number => readLines(file).length;
  callbacks.call('on_reload', 'replica');
  await until(() => begun() === 1 && sleeps().length === 1, 'the first one works');
  const [first] = sleeps();
  callbacks.call('on_reload', 'replica');
  await until(() => begun() === 2 && sleeps().length === 1, 'the second one works, alone');
  assert.notEqual(sleeps()[0]?.pid, first?.pid);
  assert.deepEqual(readLines(file), ['begun', 'begun']);
  commands.on_reload = 'true';
  callbacks.call('on_reload', 'replica');
  await until(() => sleeps().length === 0, 'nothing is left');
});

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

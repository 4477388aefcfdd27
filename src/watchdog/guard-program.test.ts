import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { controlDevice, guardProgram } from './program.js';

const program = guardProgram();
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'guard-')));
const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'guard-')));
const started = new Set<ChildProcess>();

after(() => {
  for (const child of started) child.kill('SIGKILL');
  for (const path of [folder, elsewhere]) rmSync(path, { recursive: true, force: true });
});

const kernelTime = (inMs: number): string => String(process.hrtime.bigint() + BigInt(inMs) * 1_000_000n);

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Signal or exit code, when it has ended. */
  readonly ended: Promise<string | number>;
  readonly hasEnded: () => boolean;
}

function run(command: string, args: readonly string[], cwd: string, rest: { readonly argv0?: string } = {}): Running {
  const child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'ignore'], ...rest });
  started.add(child);
  let isOver = false;
  const ended = new Promise<string | number>((resolve) => {
    child.on('exit', (code, signal) => {
      isOver = true;
      started.delete(child);
      resolve(signal ?? code ?? -1);
    });
  });
  return { child, pid: child.pid ?? 0, ended, hasEnded: () => isOver };
}

/** `sleep` plays the server: what counts is name, working directory and descent. */
const server = (cwd = folder): Running => run('/bin/sleep', ['60'], cwd);

interface Guard extends Running {
  readonly lines: string[];
  until(line: RegExp): Promise<void>;
}

async function guard(inMs: number, identity: readonly [number, string] = [0, '0']): Promise<Guard> {
  const args = ['guard', 'sleep', kernelTime(inMs), String(identity[0]), identity[1], folder];
  const process = run(program ?? '', args, '/', { argv0: 'patroni-guard' });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  process.child.stdout?.on('data', (chunk: Buffer) => {
    lines.push(...chunk.toString().trim().split('\n'));
    for (const look of [...waiting]) look();
  });
  const until = (line: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!lines.some((each) => line.test(each))) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  await until(/^ready$/);
  return { ...process, lines, until };
}

const startTime = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? '';

describe('guard program', { skip: program === undefined && 'no guard program for this machine', timeout: 30_000 }, () => {
  test('kills what serves the directory when the time is over, and nothing else', async () => {
    const [victim, bystander] = [server(), server(elsewhere)];
    const editor = run('/usr/bin/tail', ['-f', '/dev/null'], folder);
    const begin = process.hrtime.bigint();
    const it = await guard(300);
    assert.equal(await victim.ended, 'SIGKILL');
    const tookMs = Number(process.hrtime.bigint() - begin) / 1e6;
    assert.ok(tookMs >= 299, `killed after ${tookMs} ms`);
    await it.until(/^fired 1$/);
    assert.equal(bystander.hasEnded() || editor.hasEnded(), false);
    bystander.child.kill();
    editor.child.kill();
    it.child.kill('SIGKILL');
  });

  test('kills what is below the postmaster as well, wherever it works', async () => {
    const shell = run('/bin/sh', ['-c', 'cd / && sleep 60 & exec sleep 61'], elsewhere);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const child = Number(readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'utf8').trim());
    const it = await guard(1, [shell.pid, startTime(shell.pid)]);
    assert.equal(await shell.ended, 'SIGKILL');
    await it.until(/^fired 2$/);
    assert.throws(() => readFileSync(`/proc/${child}/exe`));
    it.child.kill('SIGKILL');
  });

  test('spares a process that only has the number of the postmaster', async () => {
    const other = server(elsewhere);
    const it = await guard(1, [other.pid, String(Number(startTime(other.pid)) - 1)]);
    await it.until(/^fired 0$/);
    assert.equal(other.hasEnded(), false);
    other.child.kill();
    it.child.kill('SIGKILL');
  });

  test('a newer deadline counts, and the last one is the one that counts', async () => {
    const victim = server();
    const it = await guard(400);
    const newer = kernelTime(900);
    it.child.stdin?.write(`F ${kernelTime(10_000)} 0 0\nF ${newer} 0 0\n`);
    await it.until(new RegExp(`^fed ${newer}$`));
    assert.equal(await victim.ended, 'SIGKILL');
    assert.ok(process.hrtime.bigint() >= BigInt(newer));
    it.child.kill('SIGKILL');
  });

  test('what waited in the pipe while the time ran out saves nobody', async () => {
    const victim = server();
    const it = await guard(300);
    it.child.kill('SIGSTOP');
    it.child.stdin?.write(`F ${kernelTime(60_000)} 0 0\n`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(victim.hasEnded(), false);
    it.child.kill('SIGCONT');
    assert.equal(await victim.ended, 'SIGKILL');
    it.child.kill('SIGKILL');
  });

  test('when the agent dies the deadline holds; then it ends', async () => {
    const victim = server();
    const it = await guard(500);
    it.child.stdin?.end();
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal(victim.hasEnded() || it.hasEnded(), false);
    assert.equal(await victim.ended, 'SIGKILL');
    assert.equal(await it.ended, 3);
  });

  test('while the agent lives it kills what comes up unconfirmed, until it is fed or disarmed', async () => {
    const it = await guard(1);
    await it.until(/^fired 0$/);
    assert.equal(await server().ended, 'SIGKILL');
    const deadline = kernelTime(60_000);
    it.child.stdin?.write(`F ${deadline} 0 0\n`);
    await it.until(new RegExp(`^fed ${deadline}$`));
    const confirmed = server();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(confirmed.hasEnded(), false);
    it.child.stdin?.write('D\n');
    assert.equal(await it.ended, 0);
    assert.equal(confirmed.hasEnded(), false);
    confirmed.child.kill();
  });

  test('disarmed it ends and kills nobody; signals for the agent’s group do not end it, its successor’s does', async () => {
    const victim = server();
    const it = await guard(60_000);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGPIPE', 'SIGUSR2'] as const) it.child.kill(signal);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(it.hasEnded(), false);
    it.child.kill('SIGUSR1');
    assert.equal(await it.ended, 0);
    assert.equal(victim.hasEnded(), false);
    victim.child.kill();
  });

  test('costs next to nothing', async () => {
    const it = await guard(60_000);
    const text = readFileSync(`/proc/${it.pid}/smaps_rollup`, 'utf8');
    const pss = Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]);
    assert.ok(pss > 0 && pss < 100, `${pss} kB`);
    it.child.kill('SIGKILL');
  });
});

/** What the programs of the repository were built with; another compiler gives other bytes. */
const COMPILER_VERSION = '12.2.0';
const compiler = spawnSync('x86_64-linux-gnu-gcc', ['-dumpfullversion'], { encoding: 'utf8' });
const isSameCompiler = compiler.stdout?.trim() === COMPILER_VERSION;

test('the program of the repository is what its source gives', { skip: !isSameCompiler && `needs gcc ${COMPILER_VERSION}` }, () => {
  const script = fileURLToPath(new URL('../../../scripts/build-guard.mjs', import.meta.url));
  assert.equal(spawnSync(process.execPath, [script, elsewhere]).status, 0);
  const kept = fileURLToPath(new URL('../../../libexec/patroni-guard-x64', import.meta.url));
  assert.ok(readFileSync(join(elsewhere, 'patroni-guard-x64')).equals(readFileSync(kept)), 'run node scripts/build-guard.mjs');
});

/** Builds the double that answers ioctls in the kernel's place; undefined: not on this machine. */
function fakeDevice(): string | undefined {
  if (program === undefined || process.arch !== 'x64') return undefined;
  const source = fileURLToPath(new URL('../../../test/support/fake-device.c', import.meta.url));
  const output = join(elsewhere, 'fake-device');
  return spawnSync('cc', ['-O1', '-o', output, source]).status === 0 ? output : undefined;
}

describe('ioctls of the guard program', { skip: program === undefined && 'no guard program for this machine' }, () => {
  test('a file that is no device is refused with the number of the error', async () => {
    const file = openSync('/dev/null', 'w');
    await assert.rejects(controlDevice(file, 25), /^Error: GETSUPPORT failed with error number 25$/);
    closeSync(file);
  });

  const double = fakeDevice();
  const skip = double === undefined && 'no C compiler, or not on x86-64';

  function on(options: string, least: string, asked: string): { readonly output: string; readonly calls: string[] } {
    const file = openSync('/dev/null', 'w');
    const run = spawnSync(double ?? '', [options, least, program ?? '', 'device', asked], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', file],
    });
    closeSync(file);
    return { output: run.stdout, calls: run.stderr.trim().split('\n') };
  }

  test('a device that can be set: GETSUPPORT, SETTIMEOUT, GETTIMEOUT', { skip }, () => {
    assert.deepEqual(on('0x8180', '1', '25'), {
      output: '33152 3 25 Fake\n',
      calls: ['0x80285700', '0xc0045706 25', '0x80045707'],
    });
  });

  test('what the driver made of it is what is told', { skip }, () => {
    assert.equal(on('0x8180', '60', '25').output, '33152 3 60 Fake\n');
  });

  test('one that can not be set is only asked, and so is any that is to be left as it is', { skip }, () => {
    const asked = { output: '33024 3 60 Fake\n', calls: ['0x80285700', '0x80045707'] };
    assert.deepEqual(on('0x8100', '1', '25'), asked);
    assert.deepEqual(on('0x8180', '1', '0'), { ...asked, output: '33152 3 60 Fake\n' });
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestCluster } from './harness/test-cluster.js';
import { giveToUnprivileged } from './harness/unprivileged.js';
import { waitFor } from './harness/wait.js';

/** A named pipe in the place of the device, as `driver: testing` has it. */
class PipeDevice {
  readonly path: string;
  readonly folder: string;
  #file: number | undefined;
  #text = '';

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'watchdog-'));
    this.path = join(this.folder, 'device');
    execFileSync('mkfifo', [this.path]);
    for (const each of [this.folder, this.path]) giveToUnprivileged(each);
  }

  plugIn(): void {
    this.#file = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** What was written since the last `forget`. */
  get text(): string {
    const buffer = Buffer.alloc(4096);
    try {
      const count = this.#file === undefined ? 0 : readSync(this.#file, buffer);
      this.#text += buffer.toString('latin1', 0, count);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return this.#text;
  }

  forget(): void {
    void this.text;
    this.#text = '';
  }

  until(what: RegExp, limitMs = 15_000): Promise<true> {
    return waitFor(`${what} on the device`, () => what.test(this.text), limitMs).catch((error: Error) => {
      throw new Error(`${error.message}; there was: ${JSON.stringify(this.#text)}`);
    });
  }

  remove(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    rmSync(this.folder, { recursive: true });
  }
}

void test('a required device is armed before the lead, fed by renewals only, and disarmed at the end', { timeout: 120_000 }, async () => {
  const device = new PipeDevice();
  device.plugIn();
  const cluster = await TestCluster.start({
    members: 1,
    dynamic: { ttl: 20, loop_wait: 1, retry_timeout: 5 },
    watchdog: { mode: 'required', driver: 'testing', device: device.path },
  });
  let hasFailed = true;
  try {
    const member = await cluster.leader();
    await device.until(/^Ctimeout=15\n1{2,}$/);

    // Without an answer of the store nothing feeds it.
    cluster.etcd.freeze();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    device.forget();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.equal(device.text, '');
    cluster.etcd.thaw();
    await device.until(/1/);

    // Maintenance mode.
    assert.equal((await cluster.patronictl('pause', '--wait')).code, 0);
    await device.until(/V$/);
    device.forget();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(device.text, '');
    assert.equal((await cluster.patronictl('resume', '--wait')).code, 0);
    await device.until(/^Ctimeout=15\n1+$/);

    // Another ttl.
    assert.equal((await cluster.patronictl('edit-config', '--set', 'ttl=30', '--force')).code, 0);
    await device.until(/1Ctimeout=25\n1/);

    // A frozen agent feeds nothing, and has not disarmed it.
    member.agent.signal('SIGSTOP');
    device.forget();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    assert.equal(device.text, '');
    member.agent.signal('SIGCONT');
    await device.until(/1/);

    await member.stopAgent();
    assert.match(device.text, /V$/);
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
    device.remove();
  }
});

void test('without the required device nobody is promoted, and the others are told', { timeout: 120_000 }, async () => {
  const device = new PipeDevice();
  device.plugIn();
  const cluster = await TestCluster.start({
    members: 2,
    dynamic: { ttl: 8, loop_wait: 1, retry_timeout: 3 },
    watchdog: { mode: 'required', driver: 'testing', device: device.path, safety_margin: 2 },
  });
  let hasFailed = true;
  try {
    const leader = await cluster.leader();
    const [replica] = await cluster.replicas();
    assert.ok(replica !== undefined);
    rmSync(device.path);
    leader.kill();
    await waitFor('it stays out of the race', () => /Watchdog device is not usable/.test(replica.agent.tail(40)), 30_000);
    assert.equal((await replica.status()).role, 'replica');
    assert.equal(((await replica.status()) as { watchdog_failed?: boolean }).watchdog_failed, true);
    hasFailed = false;
  } finally {
    await cluster.stop({ hasFailed });
    device.remove();
  }
});

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManagedProcess } from './managed-process.js';
import type { Member } from './member.js';
import type { TestCluster } from './test-cluster.js';
import { giveToUnprivileged } from './unprivileged.js';
import { waitFor } from './wait.js';

/** What an operator does to a server without the agent: a fast stop (SIGINT), or any other signal to the postmaster. */
export async function stopByHand(member: Member, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  const pid = member.postmasterPid();
  if (pid === undefined) throw new Error(`${member.name} does not run`);
  process.kill(pid, signal);
  await waitFor(`${member.name} is stopped by hand`, () => member.postmasterPid() === undefined, 20_000);
}

/** Starts the server with the options of its last start, as standby if wanted. */
export async function startByHand(cluster: TestCluster, member: Member, options: { readonly isStandby?: boolean } = {}): Promise<void> {
  if (options.isStandby === true) {
    const signalFile = join(member.dataDir, 'standby.signal');
    writeFileSync(signalFile, '');
    giveToUnprivileged(signalFile);
  }
  // One line, quoted for a shell.
  const command = readFileSync(join(member.dataDir, 'postmaster.opts'), 'utf8').trim();
  const logFile = join(cluster.folder, `${member.name}-by-hand.log`);
  new ManagedProcess('/bin/sh', ['-c', `exec ${command}`], { logFile, cwd: cluster.folder });
  await waitFor(`${member.name} runs`, async () => (await cluster.sql(member, 'SELECT 1 AS one')).rows.length === 1, 20_000);
}

export async function promoteByHand(cluster: TestCluster, member: Member): Promise<void> {
  await cluster.sql(member, 'SELECT pg_promote(true, 20)');
}

/** A new, empty cluster in the member's data directory, which must not exist. */
export async function initialiseByHand(cluster: TestCluster, member: Member): Promise<void> {
  const { bin_dir: folder } = member.options.configuration['postgresql'] as { readonly bin_dir?: string };
  const initdb = folder === undefined ? 'initdb' : join(folder, 'initdb');
  const logFile = join(cluster.folder, `${member.name}-by-hand.log`);
  const run = new ManagedProcess(initdb, ['-D', member.dataDir, '-N', '-A', 'trust'], { logFile, cwd: cluster.folder });
  await waitFor(`${member.name} has a data directory`, () => !run.isRunning, 60_000);
}

/** patronictl, which must succeed. */
export async function run(cluster: TestCluster, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await cluster.patronictl(...args);
  assert.equal(code, 0, `patronictl ${args.join(' ')}: ${stdout}${stderr}`);
}

/** Waits until the end of the agent's log has the sentence. */
export function says(member: Member, sentence: string): Promise<boolean> {
  return waitFor(`${member.name} says: ${sentence}`, () => member.agent.tail(30).includes(sentence), 20_000);
}

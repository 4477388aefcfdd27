import assert from 'node:assert/strict';
import { type AgentKind, hasPython } from './implementations.js';
import type { Member } from './member.js';
import { watchForTwo } from './observers.js';
import { type Scene, scenario } from './scenario.js';
import type { ClusterOptions } from './test-cluster.js';
import { waitFor } from './wait.js';

const dynamic = { ttl: 20, loop_wait: 3, retry_timeout: 4 };
const KINDS: readonly AgentKind[] = ['ours', 'python'];

/**
 * One member of ours and one of the Python implementation, so that either has to take over from the other: each leads by a switchover
 * of either `patronictl` and by the loss of the other, and what one side orders the other understands.
 * @param obstacle why the Python implementation can't use this store here.
 */
export function mixedStory(store: NonNullable<ClusterOptions['store']>, obstacle?: string): void {
  if (!hasPython || obstacle !== undefined) {
    process.stdout.write(`left out: a mixed cluster on ${store}: ${obstacle ?? 'no Python Patroni is installed'}\n`);
    return;
  }
  const options: ClusterOptions = { store, dynamic, kinds: KINDS, members: 2 };
  scenario(`a mixed cluster on ${store}: both lead and both follow`, options, (scene) => watched(scene, [switchovers, losses]));
  scenario(`a mixed cluster on ${store}: what one side orders the other understands`, options, (scene) =>
    watched(scene, [synchronous, pauses, documents]),
  );
}

async function watched(scene: Scene, chapters: readonly ((scene: Scene) => Promise<void>)[]): Promise<void> {
  const watch = watchForTwo(scene.cluster);
  try {
    for (const chapter of chapters) await chapter(scene);
  } finally {
    await watch.stop();
  }
  const { looks, twice } = await watch.stop();
  assert.ok(looks > 20);
  assert.equal(twice, 0, 'two servers accepted writes at once');
}

const byKind = ({ cluster }: Scene, kind: AgentKind): Member => {
  const member = cluster.members.find((each) => each.kind === kind);
  assert.ok(member !== undefined);
  return member;
};

async function ctl({ cluster }: Scene, kind: AgentKind, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.patronictlOf(kind, ...args);
  assert.equal(code, 0, `patronictl of ${kind}: ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function moveTo(scene: Scene, target: Member, by: AgentKind): Promise<void> {
  const { cluster, writer } = scene;
  const leader = await cluster.leader();
  if (leader === target) return;
  await ctl(scene, by, 'switchover', 'batman', '--leader', leader.name, '--candidate', target.name, '--force');
  await waitFor(`${target.name} leads`, async () => (await cluster.leader()) === target);
  await writer.untilWritten(10);
  await cluster.untilHealthy();
}

async function switchovers(scene: Scene): Promise<void> {
  const [ours, python] = [byKind(scene, 'ours'), byKind(scene, 'python')];
  await moveTo(scene, ours, 'ours');
  for (const by of KINDS) {
    await moveTo(scene, python, by);
    await moveTo(scene, ours, by);
  }
}

async function losses(scene: Scene): Promise<void> {
  const { cluster, writer } = scene;
  for (let round = 0; round < 2; round++) {
    const leader = await cluster.leader();
    const other = cluster.members.find((each) => each !== leader);
    await writer.betweenRows(() => leader.kill());
    await waitFor(`${other?.name} leads`, async () => (await cluster.leader()) === other, 60_000);
    await writer.untilWritten(10);
    leader.startAgent();
    await cluster.untilHealthy(120_000);
  }
}

/** Either leads while the mode that the other's `patronictl` set is on. */
async function synchronous(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const isSynchronous = async (): Promise<boolean> =>
    (await cluster.list()).some(({ Role, State }) => Role === 'Sync Standby' && State === 'streaming');
  for (const [leads, by] of [
    ['ours', 'python'],
    ['python', 'ours'],
  ] as const) {
    await moveTo(scene, byKind(scene, leads), by);
    await ctl(scene, by, 'edit-config', 'batman', '--quiet', '--force', '-s', 'synchronous_mode=true');
    await waitFor('a standby is synchronous', isSynchronous);
    // The candidate is the only member that /sync names: both sides must read that key in the same way.
    const next = byKind(scene, leads === 'ours' ? 'python' : 'ours');
    await moveTo(scene, next, leads);
    await waitFor('the other is synchronous', isSynchronous);
    await ctl(scene, leads, 'edit-config', 'batman', '--quiet', '--force', '-s', 'synchronous_mode=null');
    await waitFor('nobody is', async () => !(await isSynchronous()));
  }
}

async function pauses(scene: Scene): Promise<void> {
  const { cluster } = scene;
  const isPaused = async (member: Member): Promise<boolean> =>
    (JSON.parse((await cluster.rest(member, 'GET', '/patroni')).body) as { pause?: boolean }).pause === true;
  for (const by of KINDS) {
    await ctl(scene, by, 'pause', 'batman', '--wait');
    for (const member of cluster.members) await waitFor(`${member.name} is paused`, () => isPaused(member));
    await ctl(scene, by, 'resume', 'batman', '--wait');
    for (const member of cluster.members) await waitFor(`${member.name} goes on`, async () => !(await isPaused(member)));
  }
}

/** The keys /failsafe and /history, as either shows them. */
async function documents(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await ctl(scene, 'python', 'edit-config', 'batman', '--quiet', '--force', '-s', 'failsafe_mode=true');
  for (const leads of KINDS) {
    const leader = byKind(scene, leads);
    await moveTo(scene, leader, leads);
    await waitFor('the failsafe map is complete', async () => {
      const { status, body } = await cluster.rest(leader, 'GET', '/failsafe');
      return status === 200 && Object.keys(JSON.parse(body) as object).length === cluster.members.length;
    });
    const timeline = (await leader.status()).timeline ?? 0;
    for (const by of KINDS) {
      // A leader of the Python implementation writes it in the cycle after its promotion.
      const last = await waitFor(
        `${by} reads the end of timeline ${timeline - 1}`,
        async () => {
          const lines = JSON.parse(await ctl(scene, by, 'history', 'batman', '-f', 'json')) as { TL: number; 'New Leader'?: string }[];
          return lines.at(-1)?.TL === timeline - 1 ? lines.at(-1) : undefined;
        },
        15_000,
      );
      assert.equal(last['New Leader'], leader.name);
    }
  }
}

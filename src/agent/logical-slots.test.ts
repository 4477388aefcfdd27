import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn } from '../../test/support/builders.js';
import { memoryLog } from '../../test/support/postgres-server.js';
import type { AdvanceOutcome, LogicalSlots, SlotCopy } from '../ports/logical-slots.js';
import type { Upstream } from '../ports/postgres.js';
import { copyLogicalSlots } from './jobs/copy-logical-slots.js';
import type { JobServices } from './jobs/services.js';
import { LogicalSlotKeeper } from './logical-slots.js';

const LEADER: Upstream = { name: 'b', kind: 'member', connUrl: 'postgres://b:5432/postgres' };
const WANTED = [{ name: 'ls', database: 'db', plugin: 'pgoutput' }];
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Slots whose answers are set by the test; what was done is in `calls`. */
function fake(answers: Partial<LogicalSlots> = {}): { readonly slots: LogicalSlots; readonly calls: string[] } {
  const calls: string[] = [];
  const slots: LogicalSlots = {
    create: async ({ name }) => void calls.push(`create ${name}`),
    advance: async () => new Map(),
    read: async () => undefined,
    leaderSlots: async () => undefined,
    room: async () => undefined,
    write: async (copies) => void calls.push(`write ${copies.map(({ name }) => name)}`),
    remove: async (names) => void calls.push(`remove ${names}`),
    isFeedbackEnforced: false,
    enforceFeedback: async () => undefined,
    ...answers,
  };
  return { slots, calls };
}

describe('the keeper of logical slots', () => {
  test('one session moves the slots of a database, and the last order counts', async () => {
    const orders: string[] = [];
    const finish: (() => void)[] = [];
    const { slots } = fake({
      advance: async (database, targets) => {
        orders.push(`${database}: ${targets.map(({ name, lsn: at }) => `${name} ${at}`).join(', ')}`);
        await new Promise<void>((resolve) => finish.push(resolve));
        return new Map();
      },
    });
    const keeper = new LogicalSlotKeeper(slots, memoryLog([]), () => undefined);
    const order = (position: number): void =>
      keeper.advance([
        { name: 'x', database: 'd1', lsn: lsn(position) },
        { name: 'y', database: 'd1', lsn: lsn(position) },
        { name: 'z', database: 'd2', lsn: lsn(position) },
      ]);
    order(1);
    order(2);
    order(3);
    await settle();
    assert.deepEqual(orders, ['d1: x 1, y 1', 'd2: z 1']);
    finish.splice(0).forEach((end) => void end());
    await settle();
    assert.deepEqual(orders.slice(2), ['d1: x 3, y 3', 'd2: z 3']);
    finish.splice(0).forEach((end) => void end());
    await settle();
    assert.equal(orders.length, 4);
  });

  test('a slot whose WAL is gone is reported until it is forgotten, and wakes the agent', async () => {
    const outcomes = new Map<string, AdvanceOutcome>([['x', 'broken']]);
    const { slots } = fake({ advance: async () => outcomes });
    let woken = 0;
    const keeper = new LogicalSlotKeeper(slots, memoryLog([]), () => woken++);
    keeper.advance([
      { name: 'x', database: 'd', lsn: lsn(5) },
      { name: 'y', database: 'd', lsn: lsn(5) },
    ]);
    await settle();
    assert.deepEqual([[...keeper.known().broken], woken], [['x'], 1]);
    keeper.forget();
    assert.deepEqual([...keeper.known().broken], []);
  });

  test('an answer that comes after a promotion counts no more', async () => {
    let answer: (() => void) | undefined;
    const { slots } = fake({
      leaderSlots: async () => {
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return { physical: { catalogXmin: '7' }, logical: new Map([['ls', '7']]) };
      },
    });
    const keeper = new LogicalSlotKeeper(slots, memoryLog([]), () => undefined);
    keeper.check(LEADER, 'a', ['ls']);
    await settle();
    keeper.forget();
    answer?.();
    await settle();
    assert.equal(keeper.known().leader, undefined);
  });

  test('a slot that can not be created is told, and the others are created', async () => {
    const log: string[] = [];
    const created: string[] = [];
    const { slots } = fake({
      create: async ({ name }) => {
        if (name === 'x') throw new Error('wal_level is replica');
        created.push(name);
      },
    });
    new LogicalSlotKeeper(slots, memoryLog(log), () => undefined).create(['x', 'y'].map((name) => ({ name, database: 'd', plugin: 'p' })));
    await settle();
    assert.deepEqual(created, ['y']);
    assert.ok(
      log.some((line) => line.includes("'x'") && line.includes('wal_level is replica')),
      log.join('\n'),
    );
  });
});

describe('copying logical slots', () => {
  const COPY: SlotCopy = { name: 'ls', database: 'db', plugin: 'pgoutput', state: Buffer.from('s'), wal: [] };
  async function run(
    answers: Partial<LogicalSlots>,
    starts: ('ready' | 'failed')[] = ['ready'],
  ): Promise<{ outcome: string; calls: string[]; log: string[] }> {
    const { slots, calls } = fake(answers);
    const log: string[] = [];
    const postgres = {
      stop: async () => {
        calls.push('stop');
        return true;
      },
      start: async () => {
        calls.push('start');
        return starts.shift() ?? 'ready';
      },
    };
    // Only what the job uses of its services.
    const duty: JobServices['duty'] = { without: (work) => work() };
    const s = { postgres, duty, logicalSlots: slots, log: memoryLog(log), forgetLogicalSlots: () => undefined } as unknown as JobServices;
    const end = await copyLogicalSlots(LEADER, WANTED, s, { isCancelled: false, closePrePromote: () => undefined });
    assert.ok(end.kind === 'copy-logical-slots');
    return { outcome: end.outcome, calls, log };
  }

  test('the server stops only for slots that can be copied', async () => {
    assert.deepEqual((await run({ read: async () => [COPY] })).calls, ['stop', 'write ls', 'start']);
    for (const answers of [
      {},
      { read: async () => [] },
      { read: async () => [{ ...COPY, plugin: 'other' }] },
      { read: async () => [COPY], room: async () => 0 },
    ]) {
      const { outcome, calls } = await run(answers);
      assert.deepEqual([outcome, calls], ['not-now', []]);
    }
    const { log } = await run({ read: async () => [{ ...COPY, plugin: 'other' }] });
    assert.match(log.join('\n'), /Will not copy the logical slot "ls" due to the configuration mismatch/);
  });

  test('a server that does not start with the copies starts without', async () => {
    const { outcome, calls } = await run({ read: async () => [COPY] }, ['failed', 'ready']);
    assert.deepEqual([outcome, calls], ['not-now', ['stop', 'write ls', 'start', 'remove ls', 'start']]);
  });

  test('a disk that refuses does not keep the server down', async () => {
    const write = async (): Promise<void> => {
      throw new Error('no space left on device');
    };
    const { outcome, calls } = await run({ read: async () => [COPY], write });
    assert.deepEqual([outcome, calls], ['not-now', ['stop', 'start']]);
  });
});

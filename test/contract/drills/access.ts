import assert from 'node:assert/strict';
import { test } from 'node:test';
import { milliseconds } from '../../../src/base/duration.js';
import { nodeClock } from '../../../src/platform/node-clock.js';
import { answerOf, type DrillHarness, Opened, TIMINGS, until } from './harness.js';

/** Servers hash a password with each request, on purpose slowly: on a busy machine that takes its time. */
const CALL = { timeoutMs: milliseconds(12_000) };

/** Credentials that are wrong, or good for reading only. */
export function accessDrills(harness: DrillHarness): void {
  test('wrong and read-only credentials: nothing is changed, nothing is believed, no secret is told; a reload mends it', async (t) => {
    const opened = new Opened();
    t.after(() => opened.end());
    const { server, right, wrong, readOnly, secret, allowWriting } = await harness.startGuarded();
    opened.add(server);
    const client = (name: string, section: Readonly<Record<string, unknown>>) =>
      opened.add(harness.client(name, [server.port], { timings: TIMINGS, scope: 'demo', section }));
    const [good, reader, stranger] = [client('a', right), client('b', readOnly), client('c', wrong)];
    await good.start();
    assert.equal(await good.acquireLeaderLock(CALL), 'acquired');

    await reader.start();
    assert.equal((await reader.load(CALL)).leader?.name, 'a');
    assert.notEqual(await answerOf(reader.acquireLeaderLock(CALL), CALL.timeoutMs), 'acquired');
    assert.notEqual(await answerOf(reader.renewLeaderLock(undefined, CALL), CALL.timeoutMs), 'renewed');
    assert.equal(await reader.writeConfig('{}', undefined, CALL), false);
    assert.equal(await reader.writeStatus('{"optime":1}', CALL), false);
    assert.equal(await reader.touchMember('{}', undefined, CALL), false);
    assert.equal(await reader.writeSync('{}', undefined, CALL), undefined);

    const stopped = new AbortController();
    const starting = stranger.start(stopped.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    await nodeClock.sleep(300);
    stopped.abort();
    const refusal = await starting;
    if (refusal !== undefined) assert.match(String(refusal), /authentication failed/);
    assert.ok(!String(refusal).includes(secret));

    const late = client('d', wrong);
    await assert.rejects(late.acquireLeaderLock(CALL), (error) => !(error as Error).message.includes(secret));
    await assert.rejects(late.load(CALL), (error) => !(error as Error).message.includes(secret));

    await (allowWriting?.() ?? reader.configure(TIMINGS, right));
    await until('it may write', () => reader.writeConfig('{}', undefined, CALL));
    assert.equal(await reader.touchMember('{}', undefined, CALL), true);
    assert.equal(await reader.acquireLeaderLock(CALL), 'held-by-other');
    assert.equal(await good.renewLeaderLock((await good.load(CALL)).leader, CALL), 'renewed');
  });
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at, healthyCluster, healthyStandby, NOW, type Scene, slot } from '../../test/support/builders.js';
import { play, short } from '../../test/support/play.js';
import { milliseconds } from '../base/duration.js';

/** What the final decision of a cycle does. */
const done = (scene: Scene): string[] =>
  play(scene)
    .last.actions.filter((action) => action.kind !== 'log')
    .map(short);
const stray = (scene: Scene): Scene => scene.telling({ slots: [slot('stray')] });

describe('upkeep', () => {
  test('follows the everyday decision of a running server', () => {
    assert.deepEqual(done(healthyCluster()), ['apply-scheduled-restart']);
    assert.deepEqual(done(stray(healthyStandby())), ['drop-slot stray', 'apply-scheduled-restart']);
  });

  test('does not follow a decision that ends what it would work on', () => {
    assert.deepEqual(done(stray(healthyCluster().ledBy('b'))), ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock']);
    assert.deepEqual(
      done(
        stray(
          healthyCluster()
            .request({ leader: 'a', member: 'b' })
            .peers({ b: at(1000) }),
        ),
      ),
      ['start-job demote graceful'],
    );
  });

  test('waits while a job, a start or a bootstrap is under way', () => {
    assert.deepEqual(done(stray(healthyStandby()).job({ kind: 'crash-recovery' })), []);
    assert.deepEqual(done(healthyStandby().starting(5)), []);
    assert.deepEqual(done(healthyStandby().stopped('start failed').remember({ isRecovering: true })), ['disarm-watchdog']);
  });

  test('wakes the loop when a scheduled switchover is due', () => {
    const { last } = play(healthyCluster().scheduledIn(60));
    assert.equal(last.wakeAt, NOW + 60_000);
    assert.match(last.memory.announcedSchedule ?? '', /^Awaiting switchover at /);
  });

  test('the line about a schedule is logged once', () => {
    const first = play(healthyCluster().scheduledIn(60));
    const second = play(healthyCluster().scheduledIn(60).remember({ announcedSchedule: first.last.memory.announcedSchedule }));
    assert.deepEqual([first.log.length, second.log.length], [1, 0]);
  });

  test('a standby that gets no WAL says so after half a minute, and not in each cycle', () => {
    const starving = healthyStandby().telling({ replicationState: undefined });
    const told = (scene: Scene): readonly string[] => play(scene).log.filter((line) => line.includes('received no WAL'));
    const since = (seconds: number, toldAgo?: number): Scene => {
      const toldAt = toldAgo === undefined ? undefined : milliseconds(NOW - toldAgo * 1000);
      return starving.remember({ starvation: { since: milliseconds(NOW - seconds * 1000), toldAt } });
    };
    assert.deepEqual(play(starving).last.memory.starvation, { since: NOW, toldAt: undefined });
    assert.deepEqual(
      [told(since(29)).length, told(since(30)).length, told(since(60, 30)).length, told(since(400, 300)).length],
      [0, 1, 0, 1],
    );
    assert.match(told(since(45))[0] ?? '', /received no WAL for 45 s, leader is b\. .*patronictl reinit/);
    assert.equal(play(since(45)).last.memory.starvation?.toldAt, NOW);
    assert.equal(play(since(45).telling({ replicationState: 'streaming' })).last.memory.starvation, undefined);
    assert.deepEqual(told(since(45).tags({ nostream: true })), []);
    assert.deepEqual(told(since(45).withoutLeader()), []);
  });
});

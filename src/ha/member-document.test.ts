import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { healthyCluster, healthyStandby, lsn, type Scene } from '../../test/support/builders.js';
import { milliseconds } from '../base/duration.js';
import { type MemberIdentity, memberDocument } from './member-document.js';

const IDENTITY: MemberIdentity = {
  connUrl: 'postgres://a:5432/postgres',
  proxyUrl: undefined,
  apiUrl: 'http://a:8008/patroni',
  tags: { nofailover: false, zone: 3 },
};
const written = ({ observation, memory }: Scene, identity = IDENTITY, timeline: number | undefined = 3) =>
  memberDocument(observation, memory, identity, timeline, undefined, undefined);
const ALWAYS = {
  conn_url: 'postgres://a:5432/postgres',
  api_url: 'http://a:8008/patroni',
  state: 'running',
  version: '4.1.4',
  tags: { zone: 3 },
};

describe('the member key (dcs.md §3.3)', () => {
  test('a leader', () => {
    const leader = healthyCluster().remember({ rewind: 'checkpoint' });
    assert.deepEqual(written(leader), { ...ALWAYS, role: 'primary', xlog_location: 1000n, timeline: 3 });
  });

  test('T41: a leader without checkpoint on its timeline says so', () => {
    assert.equal(written(healthyCluster())['checkpoint_after_promote'], false);
    assert.equal('checkpoint_after_promote' in written(healthyStandby()), false);
  });

  test('a standby', () => {
    assert.deepEqual(written(healthyStandby()), {
      ...ALWAYS,
      role: 'replica',
      xlog_location: 1000n,
      replay_lsn: 1000n,
      receive_lsn: 1000n,
      replication_state: 'streaming',
      timeline: 3,
    });
    const fromArchive = written(healthyStandby().telling({ receiveLsn: lsn(0), replicationState: undefined }), IDENTITY, 0);
    assert.deepEqual(fromArchive, { ...ALWAYS, role: 'replica', xlog_location: 1000n, replay_lsn: 1000n });
  });

  test('no position while a job other than a promotion runs, or the server is not there', () => {
    const restart = { kind: 'restart', timeoutMs: milliseconds(1) } as const;
    for (const scene of [healthyStandby().job(restart), healthyStandby().stopped(), healthyStandby().mute()]) {
      const document = written(scene);
      for (const field of ['xlog_location', 'replay_lsn', 'receive_lsn', 'replication_state', 'timeline'])
        assert.equal(field in document, false, field);
    }
    assert.equal(written(healthyStandby().job({ kind: 'promote' }))['xlog_location'], 1000n);
  });

  test('what is there only sometimes', () => {
    const pending = { max_connections: { old_value: '100', new_value: '200' } };
    const scene = healthyCluster().paused().server({ pendingRestart: pending });
    const document = memberDocument(
      scene.observation,
      scene.memory,
      { ...IDENTITY, proxyUrl: 'postgres://p:5432/postgres', tags: {} },
      1,
      { schedule: '2031-05-04T03:00:00+00:00', role: 'primary' },
      undefined,
    );
    assert.equal(document['pause'], true);
    assert.equal(document['pending_restart'], true);
    assert.deepEqual(document['pending_restart_reason'], pending);
    assert.equal(document['proxy_url'], 'postgres://p:5432/postgres');
    assert.equal('tags' in document, false);
    assert.deepEqual(document['scheduled_restart'], {
      schedule: '2031-05-04T03:00:00+00:00',
      role: 'primary',
      postmaster_start_time: null,
    });
  });
});

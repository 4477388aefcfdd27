import { milliseconds } from '../../src/base/duration.js';
import type { ServerTrouble, TroubleKind } from '../../src/cluster/server-trouble.js';
import type { Job } from '../../src/ha/job.js';
import { at, control, healthyCluster, healthyStandby, NOW, type Scene } from '../support/builders.js';
import type { DecisionCase } from './case.js';

const LIMIT = 300;

/** A series of `failures` failed probes that began `forSeconds` ago. */
function trouble(kind: TroubleKind, forSeconds: number, failures = 30): readonly ServerTrouble[] {
  return [{ kind, since: milliseconds(NOW - forSeconds * 1000), failures, detail: 'no answer' }];
}

const leader = () => healthyCluster();
const hung = (scene: Scene, forSeconds = LIMIT, failures = 30) =>
  scene.server({ troubles: trouble('no-new-connections', forSeconds, failures) });
const full = (scene: Scene) => scene.server({ troubles: trouble('disk-full', LIMIT) });
const IMMEDIATE = ['cancel-job', 'start-job demote immediate'];
const steady = { rules: ['holder/primary'], reason: 'no action. I am (a), the leader with the lock' };
const NONE = ['useless/renew-lock', 'useless/hand-over', 'useless/nobody-to-hand-over'];
const SILENT = { kind: 'inaccessible', error: 'data directory: no answer within 2000 ms', isSilent: true } as const;

export const uselessCases: readonly DecisionCase[] = [
  {
    name: 'patroni-1371: a stopped postmaster, and somebody can take over',
    given: hung(leader()).peers({ b: at(1000) }),
    expect: {
      rules: ['useless/renew-lock', 'useless/hand-over'],
      reason: 'stopped PostgreSQL because it takes no writes (no-new-connections)',
      actions: IMMEDIATE,
      memory: { rewind: 'check' },
      log: ['error: Demoting self because PostgreSQL has been useless for 300 seconds (no-new-connections: no answer)'],
      beside: ['useless/nobody-to-hand-over', 'useless/manual-request', 'holder/primary'],
    },
  },
  {
    name: 'patroni-784: the only other member is too far behind',
    given: hung(leader().view({ status: { ...leader().seen.status, lastLsn: 10_000_000n as never } })).peers({ b: at(1000) }),
    expect: {
      rules: ['useless/nobody-to-hand-over'],
      reason: 'PostgreSQL takes no writes (no-new-connections), but continuing because failover is not possible',
      log: ['info: Member b exceeds maximum replication lag'],
    },
  },
  {
    name: 'nobody else answers',
    given: hung(leader()),
    expect: {
      rules: ['useless/nobody-to-hand-over'],
      reason: 'PostgreSQL takes no writes (no-new-connections), but continuing because failover is not possible',
      log: ['error: PostgreSQL has been useless for 300 seconds (no-new-connections: no answer)'],
    },
  },
  {
    name: 'patroni-3646: slow is not dead: a moment short of the limit',
    given: hung(leader(), LIMIT - 1).peers({ b: at(1000) }),
    expect: { ...steady, beside: NONE },
  },
  {
    name: 'one late answer after a freeze of the machine is no series',
    given: hung(leader(), 3600, 2).peers({ b: at(1000) }),
    expect: { ...steady, beside: NONE },
  },
  {
    name: 'primary_useless_timeout 0: as Patroni',
    given: hung(leader().config({ primary_useless_timeout: 0 }), 3600).peers({ b: at(1000) }),
    expect: { ...steady, beside: NONE },
  },
  {
    name: 'primary_useless_timeout of its own',
    given: hung(leader().config({ primary_useless_timeout: 60 }), 60).peers({ b: at(1000) }),
    expect: {
      rules: ['useless/hand-over'],
      reason: 'stopped PostgreSQL because it takes no writes (no-new-connections)',
      actions: IMMEDIATE,
    },
  },
  {
    name: 'in maintenance mode nothing is stopped',
    given: hung(leader().paused()).peers({ b: at(1000) }),
    expect: { ...steady, beside: NONE },
  },
  {
    name: 'the lock is lost meanwhile',
    given: hung(leader())
      .peers({ b: at(1000) })
      .losingLock(),
    expect: {
      rules: ['useless/renew-lock', 'holder/lock-lost-primary'],
      reason: 'demoted self because failed to update leader lock in DCS',
      actions: ['drop-lease', 'cancel-job', 'start-job demote immediate-nolock'],
      beside: ['useless/hand-over'],
    },
  },
  {
    name: 'an operator asks for another leader',
    given: hung(leader())
      .request({ leader: 'a', member: 'b' })
      .peers({ b: at(1000) }),
    expect: {
      rules: ['switchover/hand-over'],
      through: ['useless/manual-request'],
      reason: 'switchover: demoting myself',
      actions: ['start-job demote graceful'],
      beside: ['useless/hand-over'],
    },
  },
  {
    name: 'patroni-1732: only here the disk is full',
    given: full(leader()).peers({ b: at(1000) }),
    expect: {
      rules: ['useless/hand-over'],
      reason: 'stopped PostgreSQL because it takes no writes (disk-full)',
      actions: ['start-job demote graceful'],
    },
  },
  {
    name: 'cnpg-4521: every disk is full',
    given: full(leader()).peers({ b: { ...at(1000), isDiskFull: true } as never }),
    expect: {
      rules: ['useless/nobody-to-hand-over'],
      reason: 'PostgreSQL takes no writes (disk-full), but continuing because failover is not possible',
      log: ['info: The disk of member b is full as well'],
    },
  },
  {
    name: 'a full disk elsewhere is no obstacle when this server is dead',
    given: hung(leader()).peers({ b: { ...at(1000), isDiskFull: true } as never }),
    expect: {
      rules: ['useless/hand-over'],
      reason: 'stopped PostgreSQL because it takes no writes (no-new-connections)',
      actions: IMMEDIATE,
    },
  },
  {
    name: 'patroni-2380: the data directory does not answer for a moment',
    given: leader().server({ dataDirectory: SILENT, troubles: trouble('disk-hung', 2, 1) }),
    expect: { ...steady, beside: ['data-directory/holder-is-inaccessible', 'data-directory/inaccessible', ...NONE] },
  },
  {
    name: 'patroni-2380: the data directory does not answer for good',
    given: leader()
      .server({ dataDirectory: SILENT, troubles: trouble('disk-hung', LIMIT) })
      .peers({ b: at(1000) }),
    expect: { rules: ['useless/hand-over'], reason: 'stopped PostgreSQL because it takes no writes (disk-hung)', actions: IMMEDIATE },
  },
  {
    name: 'a silent directory does not stop a replica',
    given: healthyStandby().server({ dataDirectory: SILENT }),
    expect: {
      rules: ['follow/steady'],
      reason: 'no action. I am (a), a secondary, and following a leader (b)',
      beside: ['data-directory/inaccessible'],
    },
  },
  {
    name: 'a stopped server is not started in a silent directory',
    given: healthyStandby().stopped('stopped', 'replica', { dataDirectory: SILENT }),
    expect: {
      rules: ['data-directory/inaccessible'],
      reason: 'data directory is not accessible: data directory: no answer within 2000 ms',
      actions: ['disarm-watchdog'],
    },
  },
];

const SWITCHOVER: Job = { kind: 'demote', mode: 'graceful', request: 'switchover' };
const stopping = (job: Job, agoSeconds: number) =>
  leader()
    .job(job, { agoMs: agoSeconds * 1000 })
    .peers({ b: at(1000) });
const RESTART: Job = { kind: 'restart', timeoutMs: milliseconds(300_000), isStandby: false };

export const overdueStopCases: readonly DecisionCase[] = [
  {
    name: 'patroni-743: a stop that archive_command holds up',
    given: stopping(SWITCHOVER, LIMIT),
    expect: {
      rules: ['busy/stop-takes-too-long'],
      reason: 'terminated switchover: demote because stopping PostgreSQL takes too long',
      actions: IMMEDIATE,
      log: ['error: Demoting self because switchover: demote is taking too long'],
      beside: ['busy/lock-kept'],
    },
  },
  {
    name: 'the same, a moment before',
    given: stopping(SWITCHOVER, LIMIT - 1),
    expect: { rules: ['busy/lock-kept'], reason: 'updated leader lock during switchover: demote', beside: ['busy/stop-takes-too-long'] },
  },
  {
    name: 'the same, and nobody can take over',
    given: stopping(SWITCHOVER, LIMIT).peers({}),
    expect: { rules: ['busy/lock-kept'], reason: 'updated leader lock during switchover: demote' },
  },
  {
    name: 'a restart whose stop hangs',
    given: stopping(RESTART, LIMIT),
    expect: {
      rules: ['busy/stop-takes-too-long'],
      reason: 'terminated restart because stopping PostgreSQL takes too long',
      actions: IMMEDIATE,
    },
  },
  {
    name: 'the restart of a standby',
    given: stopping({ ...RESTART, isStandby: true }, LIMIT),
    expect: { rules: ['busy/lock-kept'], reason: 'updated leader lock during restart', beside: ['busy/stop-takes-too-long'] },
  },
];

const crashed = (...agoSeconds: readonly number[]) =>
  leader()
    .stopped('running', 'primary')
    .answering({ controlData: control('in production') })
    .remember({ crashes: agoSeconds.map((ago) => milliseconds(NOW - ago * 1000)) })
    .peers({ b: at(1000) });
const RESTARTED = { rules: ['stopped/restart-crashed-primary'], reason: 'starting primary after failure' };
const START = ['set-state crashed', 'start-job start-primary'];

export const crashLoopCases: readonly DecisionCase[] = [
  {
    name: 'patroni-2841: the third crash in a row',
    given: crashed(200, 100),
    expect: {
      rules: ['stopped/crash-loop'],
      reason: 'stopped PostgreSQL to fail over after repeated crashes',
      actions: ['set-state crashed', 'disarm-watchdog', ...IMMEDIATE],
      memory: { crashes: [] },
      log: ['error: Primary crashed 3 times. Failing over.'],
      beside: ['stopped/restart-crashed-primary'],
    },
  },
  {
    name: 'the third crash in a row, and nobody can take over',
    given: crashed(200, 100).peers({}),
    expect: { ...RESTARTED, actions: START },
  },
  {
    name: 'the second crash',
    given: crashed(100),
    expect: { ...RESTARTED, actions: START, beside: ['stopped/crash-loop'] },
  },
  {
    name: 'the third crash in a day',
    given: crashed(80_000, 100),
    expect: { ...RESTARTED, actions: START, beside: ['stopped/crash-loop'] },
  },
];

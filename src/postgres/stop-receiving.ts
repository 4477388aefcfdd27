import { FOLLOWS_BY_RELOAD_FROM } from '../cluster/postgres-state.js';
import type { Clock } from '../ports/clock.js';
import type { InstanceState } from './process/instance-state.js';
import type { Lifecycle } from './process/lifecycle.js';
import type { Row } from './query/session.js';
import type { ServerConfiguration } from './server-configuration.js';

/** Between two looks whether the receiver is gone. One that started just before the reload shows by the first of them. */
const LOOK_MS = 50;
const LIMIT_MS = 1000;
const RECEIVERS = 'SELECT count(*) AS n FROM pg_catalog.pg_stat_get_wal_receiver() AS w WHERE w.pid IS NOT NULL';

export interface StopReceivingParts {
  readonly state: InstanceState;
  readonly lifecycle: Lifecycle;
  readonly configuration: ServerConfiguration;
  readonly majorVersion: () => Promise<number>;
  readonly query: (text: string) => Promise<readonly Row[]>;
  readonly clock: Clock;
}

/** Takes the upstream away from the running standby. @see Postgres.stopReceiving */
export async function stopReceiving(p: StopReceivingParts): Promise<boolean> {
  if ((await p.majorVersion()) < FOLLOWS_BY_RELOAD_FROM) return false;
  await p.configuration.writeRecovery(undefined);
  await p.configuration.writeServerFile(p.state.role);
  if (!(await p.lifecycle.reload(true))) return false;
  const until = p.clock.monotonic() + LIMIT_MS;
  while (p.clock.monotonic() < until) {
    await p.clock.sleep(LOOK_MS);
    const [row] = await p.query(RECEIVERS);
    if (row?.['n'] !== '0') continue;
    p.state.isCutOff = true;
    return true;
  }
  return false;
}

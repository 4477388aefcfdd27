import { parseInteger } from '../../base/python-values.js';
import type { Clock } from '../../ports/clock.js';
import { connect } from './connect.js';
import { ConnectionProblem, QueryFailed } from './errors.js';
import type { ConnectionParameters, Row } from './session.js';

/** Answer to `IDENTIFY_SYSTEM`. */
export interface SystemIdentity {
  readonly systemId: string;
  readonly timeline: number;
}

/**
 * Asks by the replication protocol, which tells a standby's timeline without waiting for a checkpoint.
 * @returns undefined when the server could not be asked.
 */
export async function identifySystem(parameters: ConnectionParameters, clock: Clock): Promise<SystemIdentity | undefined> {
  const row = await askIdentity(parameters, clock);
  const timeline = typeof row === 'string' ? undefined : parseInteger(row['timeline']);
  return typeof row === 'string' || timeline === undefined ? undefined : { systemId: row['systemid'] ?? '', timeline };
}

/** @returns why no replication connection can be made, undefined when one can. */
export async function replicationObstacle(parameters: ConnectionParameters, clock: Clock): Promise<string | undefined> {
  const answer = await askIdentity(parameters, clock);
  return typeof answer === 'string' ? answer : undefined;
}

/** @returns the row, or what went wrong. */
async function askIdentity(parameters: ConnectionParameters, clock: Clock): Promise<Row | string> {
  try {
    const session = await connect(parameters, { clock, isReplication: true });
    try {
      return (await session.query('IDENTIFY_SYSTEM'))[0] ?? {};
    } finally {
      session.close();
    }
  } catch (error) {
    if (error instanceof ConnectionProblem || error instanceof QueryFailed) return error.message;
    throw error;
  }
}

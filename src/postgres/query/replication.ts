import { parseInteger } from '../../base/python-values.js';
import type { Clock } from '../../ports/clock.js';
import { connect } from './connect.js';
import { ConnectionProblem, QueryFailed } from './errors.js';
import type { ConnectionParameters } from './session.js';

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
  try {
    const session = await connect(parameters, { clock, isReplication: true });
    try {
      const row = (await session.query('IDENTIFY_SYSTEM'))[0];
      const timeline = parseInteger(row?.['timeline']);
      return timeline === undefined ? undefined : { systemId: row?.['systemid'] ?? '', timeline };
    } finally {
      session.close();
    }
  } catch (error) {
    if (error instanceof ConnectionProblem || error instanceof QueryFailed) return undefined;
    throw error;
  }
}

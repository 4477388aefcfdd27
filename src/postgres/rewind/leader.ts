import { parseLsn } from '../../base/lsn.js';
import { parseInteger } from '../../base/python-values.js';
import type { Clock } from '../../ports/clock.js';
import type { LeaderTimelines } from '../../ports/postgres.js';
import type { PostgresSettings } from '../../ports/settings.js';
import { parseHistoryFile } from '../control-data/history-file.js';
import { connect } from '../query/connect.js';
import { ConnectionProblem, QueryFailed } from '../query/errors.js';
import type { ConnectionParameters, Session } from '../query/session.js';

/** How the leader, or the remote primary of a standby cluster, is reached before a rewind. */
export interface RewindSource {
  readonly name: string;
  /** With the rewind credentials. */
  readonly parameters: ConnectionParameters;
  /** With the replication credentials. */
  readonly replication: ConnectionParameters;
  /** Identifier of the local data; another one there belongs to data that have nothing in common with ours. */
  readonly systemId?: string | undefined;
}

/** Of several hosts only the primary will do. With one host we look ourselves, and can tell "in recovery" from "down". */
function primaryOnly(parameters: ConnectionParameters): ConnectionParameters {
  return parameters['host']?.includes(',') ? { ...parameters, target_session_attrs: 'read-write' } : parameters;
}

async function isInRecovery(session: Session): Promise<boolean> {
  const row = (await session.query('SELECT pg_catalog.pg_is_in_recovery() AS answer'))[0];
  return row?.['answer'] !== 'f';
}

/** Asks for the leader's timeline and how it came about. Makes sure that it is a primary: only that may be compared with. */
export async function leaderTimelines(source: RewindSource, clock: Clock): Promise<LeaderTimelines> {
  try {
    const recovers = await withSession(primaryOnly(source.parameters), { clock }, isInRecovery);
    if (recovers) return { kind: 'in-recovery' };
    return await withSession(primaryOnly(source.replication), { clock, isReplication: true }, async (session) => {
      const identity = (await session.query('IDENTIFY_SYSTEM'))[0];
      const timeline = parseInteger(identity?.['timeline']);
      const lsn = parseLsn(identity?.['xlogpos'] ?? '');
      const theirs = identity?.['systemid'];
      if (source.systemId !== undefined && typeof theirs === 'string' && theirs !== source.systemId) {
        const error = `it is of another cluster, its system identifier is ${theirs} and ours ${source.systemId}`;
        return { kind: 'unreachable', error };
      }
      if (timeline === undefined || lsn === undefined) return { kind: 'unreachable', error: `${source.name} told no timeline` };
      if (timeline <= 1) return { kind: 'known', timeline, lsn, history: [] };
      const content = (await session.query(`TIMELINE_HISTORY ${timeline}`))[0]?.['content'];
      return { kind: 'known', timeline, lsn, history: parseHistoryFile(content ?? '') };
    });
  } catch (error) {
    if (error instanceof ConnectionProblem || error instanceof QueryFailed) return { kind: 'unreachable', error: error.message };
    throw error;
  }
}

/**
 * How to make sure that the source's control file shows its present timeline; if it does not, pg_rewind concludes "nothing
 * to do" and leaves a diverged standby. `published`: the member key said so. `checkpoint`: with superuser rights, by one.
 * `compare`: by functions.
 */
export type CheckpointProof = 'published' | 'checkpoint' | 'compare';

/**
 * A checkpoint there needs the superuser, whose credentials are ours only if the rewind user is the same, or below version 11,
 * which has no other one (and lacks the functions to compare with).
 */
export function proofFor({ rewind, superuser }: Pick<PostgresSettings, 'rewind' | 'superuser'>, majorVersion: number): CheckpointProof {
  const isSuperuser = rewind === undefined || (rewind.username === superuser.username && rewind.password === superuser.password);
  return isSuperuser || majorVersion < 110_000 ? 'checkpoint' : 'compare';
}

export type SourceCheck = { readonly kind: 'usable' } | { readonly kind: 'unusable'; readonly reason: string };

/** An immediate checkpoint of a large, busy server takes minutes; a server that needs longer is asked again later. */
const CHECKPOINT_TIMEOUT_MS = 300_000;

const COMPARE_TIMELINES = `SELECT timeline_id = ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(
  pg_catalog.pg_current_wal_lsn()), 1, 8))::pg_catalog.bit(32)::pg_catalog.int4 AS answer FROM pg_catalog.pg_control_checkpoint()`;

export async function checkRewindSource(source: RewindSource, proof: CheckpointProof, clock: Clock): Promise<SourceCheck> {
  const limits =
    proof === 'checkpoint'
      ? { clock, queryTimeoutMs: CHECKPOINT_TIMEOUT_MS, startupOptions: '-c statement_timeout=0 -c search_path=pg_catalog' }
      : { clock };
  try {
    return await withSession(primaryOnly(source.parameters), limits, async (session) => {
      if (await isInRecovery(session)) return { kind: 'unusable', reason: 'is_in_recovery=true' };
      if (proof === 'checkpoint') await session.query(session.serverVersion >= 190000 ? 'CHECKPOINT (FLUSH_UNLOGGED)' : 'CHECKPOINT');
      if (proof === 'compare' && (await session.query(COMPARE_TIMELINES))[0]?.['answer'] !== 't') {
        return { kind: 'unusable', reason: 'there was no checkpoint on its new timeline yet' };
      }
      return { kind: 'usable' };
    });
  } catch (error) {
    if (error instanceof ConnectionProblem || error instanceof QueryFailed) return { kind: 'unusable', reason: error.message };
    throw error;
  }
}

async function withSession<T>(
  parameters: ConnectionParameters,
  options: Parameters<typeof connect>[1],
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await connect(parameters, options);
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

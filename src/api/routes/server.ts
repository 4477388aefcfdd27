import type { JsonObject } from '../../base/json.js';
import { isTruthy, parseBool, parseInteger, pythonText } from '../../base/python-values.js';
import type { AgentControl, RestartRequest } from '../../ports/agent-control.js';
import type { Clock } from '../../ports/clock.js';
import { Refusal, type Reply, text } from '../reply.js';
import { checkSchedule } from '../schedule.js';

/** `POST /restart` (rest-api.md §10.5). Without a schedule the answer comes when the restart has ended. */
export async function restart(control: AgentControl, clock: Clock, body: JsonObject): Promise<Reply> {
  await control.loadCluster();
  if (isTruthy(body['schedule']) && control.snapshot().config.isPaused) return text(500, "Can't schedule restart in the paused state");
  const { schedule, ...request } = read(body, clock.wall());
  if (schedule === undefined) {
    const { isDone, message } = await control.restart(request);
    return text(isDone ? 200 : 503, message);
  }
  return (await control.scheduleRestart({ ...request, schedule }))
    ? text(202, 'Restart scheduled')
    : text(409, 'Another restart is already scheduled');
}

export async function deleteRestart(control: AgentControl): Promise<Reply> {
  return (await control.deleteScheduledRestart()) ? text(200, 'scheduled restart deleted') : text(404, 'no restarts are scheduled');
}

/** `POST /reinitialize` (§10.10). */
export async function reinitialize(control: AgentControl, body: JsonObject): Promise<Reply> {
  const refusal = await control.reinitialize({
    force: parseBool(body['force']) === true,
    fromLeader: parseBool(body['from_leader']) === true,
  });
  return refusal === undefined ? text(200, 'reinitialize started') : text(503, refusal);
}

const ROLES = ['primary', 'standby_leader', 'replica'];

function read(body: JsonObject, now: number): RestartRequest & { readonly schedule?: string } {
  const request: { -readonly [K in keyof RestartRequest]: RestartRequest[K] } & { schedule?: string } = {};
  for (const [field, value] of Object.entries(body)) {
    switch (field) {
      case 'schedule':
        // Also what is empty: a variable that was not set must not become a restart at once.
        request.schedule = checkSchedule(value, 'restart', now);
        break;
      case 'role':
        if (!ROLES.includes(String(value))) refuse('PostgreSQL role should be either primary, standby_leader, or replica');
        request.role = String(value);
        break;
      case 'postgres_version':
        request.postgres_version = checkVersion(pythonText(value));
        break;
      case 'timeout': {
        const timeout = parseInteger(value, 's');
        if (timeout === undefined || timeout <= 0) refuse('Timeout should be a positive number of seconds');
        else request.timeout = timeout;
        break;
      }
      case 'restart_pending':
        request.restart_pending = value;
        break;
      default:
        refuse(`Unknown filter for the scheduled restart: ${field}`);
    }
  }
  return request;
}

function checkVersion(version: string): string {
  const parts = version.split('.');
  if (!parts.every((part) => /^[0-9]+$/.test(part))) refuse(`Invalid PostgreSQL version: ${version}`);
  const isFormat = (parts.length === 2 && Number(parts[0]) >= 10) || parts.length === 3;
  if (!isFormat) refuse(`Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ${version}`);
  return version;
}

function refuse(message: string): never {
  throw new Refusal(text(400, message));
}

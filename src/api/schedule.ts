import { parseScheduledAt, type ScheduledTime } from '../cluster/failover-request.js';
import { Refusal, text } from './reply.js';

/**
 * Checks a schedule (rest-api.md §10.9). No zone is ever guessed.
 * @returns the text as it is to be stored. @throws Refusal 400 or 422.
 */
export function checkSchedule(value: unknown, what: 'restart' | 'switchover', now: number): string {
  const parsed = typeof value === 'string' ? parseScheduledAt(value) : undefined;
  if (typeof value !== 'string' || parsed === undefined) {
    throw new Refusal(text(422, 'Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601'));
  }
  if (!parsed.hasTimezone) throw new Refusal(text(400, `Timezone information is mandatory for the scheduled ${what}`));
  if (parsed.at < now) throw new Refusal(text(422, `Cannot schedule ${what} in the past`));
  return isoText(parsed);
}

/** As Python's `isoformat` writes it: a fraction only where there is one, the offset that was asked for. */
function isoText({ at, offsetMinutes }: ScheduledTime): string {
  const local = new Date(at + offsetMinutes * 60_000).toISOString();
  const fraction = local.slice(19, 23) === '.000' ? '' : `${local.slice(19, 23)}000`;
  const minutes = Math.abs(offsetMinutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${local.slice(0, 19)}${fraction}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

import { parseScheduledAt } from '../cluster/failover-request.js';
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
  return value
    .trim()
    .replace(' ', 'T')
    .replace(/T(UTC|GMT|[+-])/i, '$1')
    .replace(/\s*(Z|UTC|GMT)$/i, '+00:00');
}

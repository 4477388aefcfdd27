import { parseScheduledAt } from '../cluster/failover-request.js';
import { CtlError } from './errors.js';

const two = (value: number): string => String(value).padStart(2, '0');

/** `YYYY-MM-DD HH:MM:SS`, local time. */
export function localSecond(at: number): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `YYYY-MM-DD HH:MM:SS.fffff`, local time with five digits, as lines about a switchover begin. */
export function localFraction(at: number): string {
  return `${localSecond(at)}.${String(Math.floor(at) % 1000).padStart(3, '0')}00`;
}

/** `YYYY-MM-DDTHH:MM`, local time: the example in questions for a schedule. */
export function localMinute(at: number): string {
  return localSecond(at).slice(0, 16).replace(' ', 'T');
}

export interface Schedule {
  /** ISO 8601 with offset. */
  readonly iso: string;
  /** The same with a space for the `T`. */
  readonly text: string;
}

/**
 * Reads what a person gives as a schedule: ISO 8601, or `HH:MM[:SS]` of today; without zone it is local time.
 * @returns undefined for `now` and the empty text: at once.
 * @throws CtlError when it is no time; an unreadable schedule must never become an immediate action.
 */
export function parseSchedule(text: string, now: number): Schedule | undefined {
  const source = text.trim();
  if (source === '' || source.toLowerCase() === 'now') return undefined;
  const full = /^\d{1,2}:\d{2}(:\d{2})?/.test(source) ? `${localSecond(now).slice(0, 10)} ${source.padStart(5, '0')}` : source;
  const parsed = parseScheduledAt(full);
  if (parsed === undefined) {
    throw new CtlError(`Unable to parse scheduled timestamp (${text}). It should be in an unambiguous format (e.g. ISO 8601)`);
  }
  if (!parsed.hasTimezone) {
    const wanted = new Date(parsed.at);
    const local = new Date(
      wanted.getUTCFullYear(),
      wanted.getUTCMonth(),
      wanted.getUTCDate(),
      wanted.getUTCHours(),
      wanted.getUTCMinutes(),
      wanted.getUTCSeconds(),
      wanted.getUTCMilliseconds(),
    );
    return schedule(local.getTime(), -local.getTimezoneOffset());
  }
  const zone = /([+-])(\d{2}):?(\d{2})?$/.exec(full);
  const offset = zone === null ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3] ?? 0));
  return schedule(parsed.at, offset);
}

function schedule(at: number, offsetMinutes: number): Schedule {
  const shifted = new Date(at + offsetMinutes * 60_000).toISOString();
  const fraction = shifted.slice(19, 23) === '.000' ? '' : `${shifted.slice(19, 23)}000`;
  const size = Math.abs(offsetMinutes);
  const zone = `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  const time = `${shifted.slice(11, 19)}${fraction}${zone}`;
  return { iso: `${shifted.slice(0, 10)}T${time}`, text: `${shifted.slice(0, 10)} ${time}` };
}

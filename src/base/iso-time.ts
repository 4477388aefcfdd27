const DAY_MS = 86_400_000;

/** `2031-02-01T10:11:12.345000+00:00`: ISO 8601 in UTC with microseconds, as Python's `isoformat` writes it. */
export function formatIsoTime(epochMs: number): string {
  const days = Math.floor(epochMs / DAY_MS);
  const rest = Math.floor(epochMs - days * DAY_MS);
  const [year, month, day] = civilDate(days);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(rest / 3_600_000))}:${two(Math.floor(rest / 60_000) % 60)}:${two(Math.floor(rest / 1000) % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${clock}.${String(rest % 1000).padStart(3, '0')}000+00:00`;
}

/** Year, month and day of so many days after 1970-01-01 (the proleptic Gregorian calendar, in eras of 400 years). */
function civilDate(daysSinceEpoch: number): readonly [number, number, number] {
  const shifted = daysSinceEpoch + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

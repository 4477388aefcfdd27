const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

/** Local time by the C library's directives, with English names; unknown directives stay as they are. No Intl: it costs memory. */
export function strftime(format: string, wallMs: number): string {
  const date = new Date(wallMs);
  return format.replace(/%([%A-Za-z])/g, (whole, directive: string) => directives(date, directive) ?? whole);
}

/** `2026-11-23 02:36:00`. */
export function localTimestamp(wallMs: number): string {
  const date = new Date(wallMs);
  return `${isoDate(date)} ${isoTime(date)}`;
}

export function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}

function directives(date: Date, directive: string): string | undefined {
  switch (directive) {
    case 'Y':
      return String(date.getFullYear());
    case 'y':
      return pad(date.getFullYear() % 100);
    case 'm':
      return pad(date.getMonth() + 1);
    case 'd':
      return pad(date.getDate());
    case 'e':
      return String(date.getDate()).padStart(2, ' ');
    case 'H':
      return pad(date.getHours());
    case 'I':
      return pad(date.getHours() % 12 || 12);
    case 'M':
      return pad(date.getMinutes());
    case 'S':
      return pad(date.getSeconds());
    case 'p':
      return date.getHours() < 12 ? 'AM' : 'PM';
    case 'j':
      return pad(dayOfYear(date), 3);
    case 'w':
      return String(date.getDay());
    case 'a':
      return DAYS[date.getDay()]?.slice(0, 3);
    case 'A':
      return DAYS[date.getDay()];
    case 'b':
    case 'h':
      return MONTHS[date.getMonth()]?.slice(0, 3);
    case 'B':
      return MONTHS[date.getMonth()];
    case 'F':
      return isoDate(date);
    case 'T':
    case 'X':
      return isoTime(date);
    case 'R':
      return isoTime(date).slice(0, 5);
    case 'D':
    case 'x':
      return `${pad(date.getMonth() + 1)}/${pad(date.getDate())}/${pad(date.getFullYear() % 100)}`;
    case 'c':
      return strftime('%a %b %e %H:%M:%S %Y', date.getTime());
    case 's':
      return String(Math.floor(date.getTime() / 1000));
    case 'z':
      return offset(date);
    case 'Z':
      return date.getTimezoneOffset() === 0 ? 'UTC' : offset(date);
    case '%':
      return '%';
    default:
      return undefined;
  }
}

function isoDate(date: Date): string {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

function isoTime(date: Date): string {
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

function dayOfYear(date: Date): number {
  const days = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1);
  return days / 86_400_000 + 1;
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}${pad(size % 60)}`;
}

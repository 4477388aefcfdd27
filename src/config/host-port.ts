/**
 * Splits at the last colon. IPv6 addresses lose their brackets, several hosts stay joined by commas.
 * @returns undefined when the port is not a number, or is missing and there is no default.
 */
export function splitHostPort(text: string, defaultPort?: number): { readonly host: string; readonly port: number } | undefined {
  const at = text.lastIndexOf(':');
  // A lone IPv6 address in brackets (or several hosts whose last is one) has colons but no port.
  const hasPort = at >= 0 && !text.slice(at).includes(']');
  let host = hasPort ? text.slice(0, at) : text;
  const portText = hasPort ? text.slice(at + 1) : '';
  if (host.includes(':') || host.includes('[')) {
    host = host
      .split(',')
      .map((part) => part.trim().replace(/^\[|\]$/g, ''))
      .join(',');
  }
  if (!hasPort) return defaultPort === undefined ? undefined : { host, port: defaultPort };
  if (!/^\s*[0-9]+\s*$/.test(portText)) return undefined;
  return { host, port: Number(portText) };
}

import { CtlError } from './errors.js';

/** In the order in which a bare port is looked up. */
const DEFAULT_PORTS: readonly (readonly [kind: string, port: string])[] = [
  ['zookeeper', '2181'],
  ['exhibitor', '8181'],
  ['consul', '8500'],
  ['etcd', '2379'],
  ['etcd3', '2379'],
];

/** The configuration with the store of `--dcs-url` in place of those five kinds (patronictl.md §2). */
export function withDcsUrl(raw: Readonly<Record<string, unknown>>, text: string): Record<string, unknown> {
  const match = /^(?:([a-z0-9+.-]*):)?\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/]*)(?::([0-9]+))?(\/.*)?$/i.exec(
    text.includes('//') ? text : `//${text}`,
  );
  if (match === null) throw new CtlError(`Invalid dcs url: ${text}`);
  const [, scheme, host, port, path] = match;
  const kind = scheme || (DEFAULT_PORTS.find(([, known]) => known === port)?.[0] ?? 'etcd');
  const fallback = DEFAULT_PORTS.find(([name]) => name === kind)?.[1];
  if (fallback === undefined) throw new CtlError(`Unknown dcs scheme: ${kind}`);
  const result: Record<string, unknown> = { ...raw };
  for (const [name] of DEFAULT_PORTS) delete result[name];
  const address = `${host || 'localhost'}:${port ?? fallback}`;
  result[kind] =
    kind === 'zookeeper'
      ? { hosts: [address] }
      : kind === 'exhibitor'
        ? { hosts: [host || 'localhost'], port: Number(port ?? fallback) }
        : { host: address };
  if (path !== undefined && path !== '/') result['namespace'] = path;
  return result;
}

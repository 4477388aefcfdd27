import { isPlainObject, isTruthy } from '../base/python-values.js';
import type { DcsSettings } from '../ports/settings.js';
import { DCS_SECTIONS } from './environment-variables.js';
import { ConfigError } from './errors.js';

/** Where a section may name its servers; at least one is needed. */
const ETCD_LOCATIONS = ['srv', 'discovery_srv', 'srv_domain', 'hosts', 'host', 'url', 'proxy'];

/** `service` unless set; repeated slashes and those at the ends do not count. */
export function namespaceOf(raw: Readonly<Record<string, unknown>>): string {
  const value = raw['namespace'];
  const text = typeof value === 'string' ? value.split('/').filter(Boolean).join('/') : '';
  return text === '' ? 'service' : text;
}

/**
 * The store: the first section in alphabetical order (configuration.md §2.6), with the legacy `zookeeper.exhibitor` moved.
 * Needs no `name`, so that patronictl can use it.
 * @throws ConfigError when no store is configured, or nothing says where its servers are.
 */
export function dcsSettings(raw: Readonly<Record<string, unknown>>): DcsSettings {
  const sections: Record<string, unknown> = { ...raw };
  const zookeeper = raw['zookeeper'];
  if (isPlainObject(zookeeper) && isTruthy(zookeeper['exhibitor'])) {
    sections['exhibitor'] = zookeeper['exhibitor'];
    delete sections['zookeeper'];
  }
  const kind = DCS_SECTIONS.find((name) => sections[name] !== undefined);
  if (kind === undefined) {
    throw new ConfigError(
      `Can not find suitable configuration of distributed configuration store\nAvailable implementations: ${DCS_SECTIONS.join(', ')}`,
    );
  }
  const section = isPlainObject(sections[kind]) ? sections[kind] : {};
  if ((kind === 'etcd' || kind === 'etcd3') && !ETCD_LOCATIONS.some((key) => isTruthy(section[key]))) {
    throw new ConfigError(`Neither srv, hosts, host nor url are defined in ${kind} section of config`);
  }
  return { kind, section: { ...section, ...shared(raw, kind, section) } };
}

function shared(
  raw: Readonly<Record<string, unknown>>,
  kind: DcsSettings['kind'],
  section: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  // In Kubernetes `namespace` is the Kubernetes one; the top-level setting overrides the section's, as in Patroni.
  const namespace = kind === 'kubernetes' ? (raw['namespace'] ?? section['namespace'] ?? 'default') : namespaceOf(raw);
  const result: Record<string, unknown> = { namespace };
  for (const key of ['scope', 'name']) if (raw[key] !== undefined) result[key] = String(raw[key]);
  return result;
}

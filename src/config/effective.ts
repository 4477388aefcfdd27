import { isPlainObject } from '../base/python-values.js';
import type { BootstrapSettings, MemberSettings, WatchdogSettings } from '../ports/settings.js';
import { dcsSettings, namespaceOf } from './effective-dcs.js';
import { logSettings } from './effective-log.js';
import { methodSections, postgresSettings, toolOptions } from './effective-postgresql.js';
import { ctlSettings, restApiSettings } from './effective-rest.js';
import { ConfigError, type Problem } from './errors.js';
import { mergePostgresql, section } from './merge.js';
import { SectionReader } from './reader.js';
import { checkDynamicPostgresql, checkSettings } from './schema.js';

type RawMap = Readonly<Record<string, unknown>>;

/**
 * The settings in force: local over dynamic over defaults (configuration.md §1.8).
 *
 * What is wrong in the local configuration is refused; a wrong setting of the dynamic one is left out with a warning, since
 * every member would be down otherwise.
 * @throws ConfigError listing all problems.
 */
export function effectiveSettings(
  local: RawMap,
  dynamic: RawMap,
): { readonly settings: MemberSettings; readonly warnings: readonly string[] } {
  const { problems, warnings: found } = checkSettings(local);
  const warnings = [...found];
  const all: Problem[] = [...problems];
  // Every part is read even after a problem, so that one start shows all of them.
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      all.push(...error.problems.filter((problem) => !all.some((known) => known.path !== '' && known.path === problem.path)));
      return undefined;
    }
  };
  const name = local['name'] ?? section(local, 'postgresql')['name'];
  for (const [key, value] of [
    ['name', name],
    ['scope', local['scope']],
  ]) {
    if (value === undefined || value === null || value === '') all.push({ path: String(key), message: 'is not defined', value: undefined });
  }
  if (local['citus'] !== undefined && local['citus'] !== null) {
    // Without it the member would join another path in the store, as a plain cluster of its own.
    all.push({ path: 'citus', message: 'is not supported yet: Citus clusters can not be run', value: undefined });
  }
  const restapi = attempt(() => restApiSettings(local['restapi']));
  const ctl = attempt(() => ctlSettings(local));
  const dcs = attempt(() => dcsSettings(local['name'] === undefined ? { ...local, name } : local));
  const postgresql = attempt(() => postgresSettings(mergePostgresql(local, usableDynamic(dynamic, warnings), warnings)));
  if (all.length > 0 || restapi === undefined || ctl === undefined || dcs === undefined || postgresql === undefined)
    throw new ConfigError(all);
  const settings: MemberSettings = {
    name: String(name),
    scope: String(local['scope']),
    namespace: namespaceOf(local),
    tags: section(local, 'tags'),
    log: logSettings(local['log']),
    restapi,
    ctl,
    dcs,
    postgresql,
    bootstrap: isPlainObject(local['bootstrap']) ? bootstrapSettings(local['bootstrap'], warnings) : undefined,
    watchdog: watchdogSettings(local['watchdog']),
    leanMemory: new SectionReader(local).bool('lean_memory', true),
  };
  return { settings, warnings };
}

/** The dynamic configuration without the members of `postgresql` that can't be used. */
function usableDynamic(dynamic: RawMap, warnings: string[]): RawMap {
  const postgresql = section(dynamic, 'postgresql');
  const { problems } = checkDynamicPostgresql(postgresql);
  const usable: Record<string, unknown> = { ...postgresql };
  for (const { path, message, value } of problems) {
    const [, key = '', parameter] = path.split('.');
    // Single parameters have rules and defaults of their own; `parameters` as a whole is refused while merging.
    if (key === 'parameters') continue;
    warnings.push(`dynamic configuration: ${path}${value === undefined ? '' : `: ${value}`} ${message}; ignored`);
    const old = usable[key];
    if (parameter !== undefined && isPlainObject(old)) {
      const { [parameter]: _, ...rest } = old;
      usable[key] = rest;
    } else delete usable[key];
  }
  return { ...dynamic, postgresql: usable };
}

function bootstrapSettings(raw: RawMap, warnings: string[]): BootstrapSettings {
  const r = new SectionReader(raw);
  if (r.has('users')) warnings.push('bootstrap.users is no longer supported: no users are created; use bootstrap.post_bootstrap');
  return {
    dcs: r.map('dcs'),
    method: r.text('method'),
    initdb: toolOptions(r.get('initdb')),
    pgHba: r.texts('pg_hba') ?? [],
    postBootstrap: r.text('post_bootstrap') ?? r.text('post_init'),
    methods: methodSections(raw, 'bootstrap'),
  };
}

const WATCHDOG_MODES: Readonly<Record<string, WatchdogSettings['mode']>> = {
  off: 'off',
  false: 'off',
  disable: 'off',
  disabled: 'off',
  automatic: 'automatic',
  auto: 'automatic',
  required: 'required',
  require: 'required',
  guard: 'guard',
};

function watchdogSettings(raw: unknown): WatchdogSettings {
  const r = new SectionReader(raw);
  return {
    mode: WATCHDOG_MODES[(r.text('mode') ?? 'automatic').toLowerCase()] ?? 'off',
    device: r.text('device') ?? '/dev/watchdog',
    driver: r.text('driver') ?? 'default',
    safetyMargin: r.has('safety_margin') ? r.integer('safety_margin', 5) : undefined,
  };
}

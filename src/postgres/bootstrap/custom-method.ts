import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isTruthy, pythonText } from '../../base/python-values.js';
import type { Log } from '../../ports/log.js';
import type { BootstrapSettings } from '../../ports/settings.js';
import type { CancellableRunner } from '../cancellable.js';
import { methodArguments, splitWords } from '../command-line.js';
import { clearRewindMarker } from '../rewind/marker.js';

type Section = Readonly<Record<string, unknown>>;

/** How the first data directory is made, and what becomes of the recovery configuration afterwards (postgres.md §18.3). */
export type BootstrapMethod =
  | { readonly kind: 'initdb' }
  | {
      readonly kind: 'custom';
      readonly name: string;
      readonly section: Section;
      readonly recovery: { readonly kind: 'write'; readonly parameters: Section } | { readonly kind: 'keep' } | { readonly kind: 'remove' };
    };

/**
 * The configured method. As in Patroni, a method without a section or without its `command` means initdb; because a typo
 * then makes an empty cluster instead of a restore, that is logged as an error.
 */
export function bootstrapMethod(settings: BootstrapSettings, log: Log): BootstrapMethod {
  const name = settings.method;
  if (name === undefined || name === 'initdb') return { kind: 'initdb' };
  const section = settings.methods[name];
  if (section === undefined || !isTruthy(section['command'])) {
    log.error(`bootstrap method '${name}' has no section with a command: running initdb instead`);
    return { kind: 'initdb' };
  }
  const parameters = section['recovery_conf'];
  const recovery = isTruthy(parameters)
    ? { kind: 'write' as const, parameters: parameters as Section }
    : { kind: isTruthy(section['keep_existing_recovery_conf']) ? ('keep' as const) : ('remove' as const) };
  return { kind: 'custom', name, section, recovery };
}

const NOT_PASSED = ['command', 'no_params', 'keep_existing_recovery_conf', 'recovery_conf', 'scope', 'datadir'];

/** The whole command line of a custom bootstrap; undefined when its quotes don't match. */
export function customBootstrapCommand(section: Section, scope: string, dataDir: string): readonly string[] | undefined {
  const words = splitWords(pythonText(section['command']));
  if (words === undefined) return undefined;
  const standard = isTruthy(section['no_params']) ? [] : [`--scope=${scope}`, `--datadir=${dataDir}`];
  return [...words, ...standard, ...methodArguments(section, NOT_PASSED)];
}

export async function runCustomBootstrap(
  method: Extract<BootstrapMethod, { readonly kind: 'custom' }>,
  options: { readonly scope: string; readonly dataDir: string; readonly runner: CancellableRunner; readonly log: Log },
): Promise<boolean> {
  const { scope, dataDir, runner, log } = options;
  const argv = customBootstrapCommand(method.section, scope, dataDir);
  if (argv === undefined) {
    log.error(`bootstrap method '${method.name}': unbalanced quotes in its command`);
    return false;
  }
  log.info(`Running custom bootstrap script: ${argv.join(' ')}`);
  const outcome = await runner.run(argv, { onLine: (line) => log.info(`${method.name}: ${line}`) });
  if (outcome.kind === 'exited' && outcome.exitCode === 0) {
    await clearRewindMarker(dataDir);
    return true;
  }
  if (outcome.kind === 'exited') log.error(`bootstrap method '${method.name}' exited with code=${outcome.exitCode}`);
  return false;
}

/**
 * Deletes the file that tells a server below version 12 to promote itself: one that came with a backup would promote a
 * fresh replica at once.
 * @param triggerFile as configured in `recovery_conf` (`trigger_file`, `promote_trigger_file`); default `promote`.
 */
export async function removeTriggerFile(dataDir: string, triggerFile: string | undefined): Promise<void> {
  await rm(resolve(dataDir, triggerFile || 'promote'), { force: true });
}

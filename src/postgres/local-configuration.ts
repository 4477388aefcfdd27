import { lookup } from 'node:dns/promises';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTruthy, pythonText } from '../base/python-values.js';
import type { PostgresRole } from '../cluster/postgres-state.js';
import type { Log } from '../ports/log.js';
import type { ControlData, Upstream } from '../ports/postgres.js';
import type { PostgresSettings } from '../ports/settings.js';
import { isDataDirectoryEmpty, readMajorVersion } from './control-data/data-directory.js';
import { KnownRecovery } from './known-recovery.js';
import { PLAIN_LOCALE, runTool, toolPath } from './process/tools.js';
import type { ConnectionParameters } from './query/session.js';
import type {
  AppliedSettings,
  PendingRestart,
  RemoteUser,
  RunningServer,
  ServerConfiguration,
  ToolConnection,
} from './server-configuration.js';
import { readServerSettings, type ServerSettings } from './server-settings.js';
import { ConfigurationFiles, type ValidityContext } from './settings/configuration-files.js';
import { connectionParameters, credentialParameters, formatConninfo, type LocalAddresses, localAddresses } from './settings/conninfo.js';
import { readIfPresent } from './settings/data-files.js';
import { Parameters } from './settings/parameters.js';
import { writePgpass } from './settings/pgpass.js';
import { compareRecovery, convertRecoveryTarget, type WantedRecovery, wantedRecovery, writtenRecovery } from './settings/recovery.js';
import { changeAtRestart, compareWithServer } from './settings/reload.js';
import { commandLine, computeServerParameters, effectiveAtStart, type ServerParameters } from './settings/server-parameters.js';
import { parseServerVersion, versionForValidation } from './settings/server-version.js';
import { isRecoveryParameter } from './settings/validity.js';

/** Programs that print and end. */
const TOOL_TIMEOUT_MS = 10_000;

export interface LocalConfigurationOptions {
  readonly settings: PostgresSettings;
  readonly name: string;
  readonly scope: string;
  readonly log: Log;
  readonly environment: Readonly<Record<string, string>>;
  readonly synchronousMode: () => 'off' | 'on' | 'strict';
  /** The umask that the agent was started with; default: the present one. */
  readonly umask?: number;
}

/** What is wanted of this member's server, what was written of it, and what the server made of it. */
export class LocalConfiguration implements ServerConfiguration {
  private readonly options: LocalConfigurationOptions;
  private readonly umask: number;
  private settings: PostgresSettings;
  private files: ConfigurationFiles;
  /** Where the running server listens: what changed since holds after its restart only. */
  private addresses: LocalAddresses;
  private version = 0;
  private binary: ValidityContext | undefined;
  private role: PostgresRole = 'uninitialized';
  private recovery: ReadonlyMap<string, string> | undefined;
  private readonly knownRecovery = new KnownRecovery();
  private synchronousStandbyNames: string | undefined;
  isFeedbackEnforced = false;
  /** Values of the last start that stand above the configured ones, because a standby needs them. */
  private raised = new Parameters();
  private written = new Parameters();
  private bootstrap: 'no' | 'custom' | 'custom-keeps-recovery' = 'no';
  pendingRestart: PendingRestart = {};
  /** Names that were taken out of the configuration since the last start, and need a restart for it. */
  private removed: ReadonlySet<string> = new Set();

  constructor(options: LocalConfigurationOptions) {
    this.options = options;
    this.umask = options.umask ?? process.umask();
    this.settings = options.settings;
    this.files = new ConfigurationFiles(options.settings, options.log, this.umask);
    this.addresses = localAddresses(options.settings, this.compute().parameters);
  }

  connUrl(): string {
    return this.addresses.connUrl;
  }

  proxyUrl(): string | undefined {
    return this.addresses.proxyUrl;
  }

  localTarget(): ConnectionParameters {
    const { superuser, database } = this.settings;
    return { ...this.address(this.addresses.superuserHost), dbname: database, ...credentialParameters(superuser) };
  }

  replicationTarget(): ConnectionParameters {
    return { ...this.address(this.addresses.replicationHost), ...credentialParameters(this.settings.replication) };
  }

  remoteTarget(upstream: Upstream, user: RemoteUser): ConnectionParameters | undefined {
    const { replication, rewind, superuser, database } = this.settings;
    const isRewindUser = user === 'rewind' && this.version >= 110_000 && rewind !== undefined;
    const credentials = user === 'replication' ? replication : isRewindUser ? rewind : superuser;
    return connectionParameters(upstream.connUrl, credentials, database);
  }

  async toolConnection(parameters: ConnectionParameters): Promise<ToolConnection> {
    const { password, ...others } = parameters;
    const connectionString = formatConninfo({ sslmode: 'prefer', ...others }, this.version);
    if (password === undefined) return { connectionString, environment: {} };
    await writePgpass(this.settings.pgpass, { host: 'localhost', ...parameters });
    return { connectionString, environment: { PGPASSFILE: this.settings.pgpass } };
  }

  async prepareStart(role: PostgresRole, controlData: () => Promise<ControlData | undefined>): Promise<readonly string[]> {
    await this.readVersion();
    this.role = role;
    const { parameters } = this.compute();
    const data = role === 'primary' ? undefined : await controlData();
    const effective = effectiveAtStart(parameters, data?.raw, role, this.version);
    for (const warning of effective.warnings) this.options.log.warning(warning);
    this.pendingRestart = effective.pendingRestart;
    this.removed = new Set();
    this.raised = new Parameters(Object.keys(effective.pendingRestart).map((name) => [name, effective.parameters.get(name)] as const));
    if (this.bootstrap !== 'no' && this.opensAtTarget()) this.raised.set('hot_standby', 'off');
    this.addresses = localAddresses(this.settings, parameters);
    await this.files.checkDirectories(parameters, await isDataDirectoryEmpty(this.settings.dataDir));
    await this.writeServerFile(role);
    const options = commandLine(this.withRaised(parameters));
    return ['-D', this.settings.dataDir, `--config-file=${this.files.serverFile}`, ...options];
  }

  async writeServerFile(role: PostgresRole): Promise<boolean> {
    this.role = role;
    const isChanged = await this.write();
    return (await this.writeAccessFiles()) || isChanged;
  }

  async saveFiles(): Promise<void> {
    if (this.bootstrap === 'no') await this.files.saveFiles(this.compute().parameters);
  }

  async dataDirectoryCreated(): Promise<void> {
    this.version = 0;
    this.binary = undefined;
    this.knownRecovery.forget();
    await this.readVersion();
    await this.files.restoreFiles(this.compute().parameters);
  }

  async appendBootstrapHba(lines: readonly string[]): Promise<void> {
    await this.files.appendBootstrapHba(lines, this.compute().parameters);
  }

  async join(server: RunningServer, isInRecovery: boolean): Promise<boolean> {
    await this.readVersion();
    this.role = isInRecovery ? 'replica' : 'primary';
    const current = await readServerSettings(server.query, this.files.serverFile);
    const names = current.value('synchronous_standby_names');
    if (names && this.options.synchronousMode() !== 'off') this.synchronousStandbyNames = names;
    // Switched off for a moment, the primary would vacuum what logical slots here need. The first cycle tells if they do.
    if (isInRecovery && current.value('hot_standby_feedback') === 'on') this.isFeedbackEnforced = true;
    this.written = new Parameters(current.ours);
    if (isInRecovery && this.version >= 120_000) {
      // The next writing of postgresql.conf would drop them.
      this.recovery = new Map(current.ours.filter(([name]) => isRecoveryParameter(name)));
      return this.writeAccessFiles();
    }
    const isAccessChanged = await this.writeAccessFiles();
    return this.reconfigure(current, isAccessChanged);
  }

  async apply(
    settings: PostgresSettings,
    server: RunningServer | undefined,
    options: { readonly force: boolean },
  ): Promise<AppliedSettings> {
    this.settings = settings;
    this.files = new ConfigurationFiles(settings, this.options.log, this.umask);
    await this.readVersion();
    if (server === undefined) {
      this.addresses = localAddresses(settings, this.compute().parameters);
      return { isChanged: false };
    }
    const current = await readServerSettings(server.query, this.files.serverFile);
    const isAccessChanged = await this.writeAccessFiles();
    const isChanged = await this.reconfigure(current, isAccessChanged || options.force);
    if (!isChanged) this.options.log.info('No PostgreSQL configuration items changed, nothing to reload.');
    return { isChanged };
  }

  async refreshPendingRestart(server: RunningServer): Promise<void> {
    const current = await readServerSettings(server.query, this.files.serverFile);
    const pending: Record<string, { readonly old_value: string; readonly new_value: string }> = { ...this.pendingRestart };
    const onCommandLine = new Set(commandLine(this.compute().parameters).map((option) => option.slice(2).split('=')[0]));
    for (const row of current.pendingRestart) {
      const { name } = row;
      // On the command line ours wins, whatever a file says.
      if (pending[name] !== undefined || onCommandLine.has(name)) continue;
      const change = changeAtRestart(row, await this.valueInFiles(name), current);
      if (change === undefined) continue;
      pending[name] = change;
      this.options.log.info(`PostgreSQL setting ${name} was changed bypassing our configuration (restart might be required)`);
    }
    this.pendingRestart = pending;
  }

  async writeRecovery(upstream: Upstream | undefined): Promise<void> {
    await this.readVersion();
    const wanted = this.wanted(upstream);
    if (this.version >= 100_000 && wanted.primaryConninfo !== undefined) await writePgpass(this.settings.pgpass, wanted.primaryConninfo);
    this.recovery = writtenRecovery(wanted, this.version, this.settings.pgpass);
    this.knownRecovery.prime(this.recovery, this.version);
    await this.files.writeRecoveryMarker(this.recovery, this.version, await this.validity());
  }

  async compareRecovery(
    upstream: Upstream | undefined,
    server: RunningServer,
  ): Promise<{ readonly change: boolean; readonly restart: boolean }> {
    const { dataDir, pgpass, database } = this.settings;
    const ownFiles = [this.files.serverFile, join(dataDir, 'postgresql.auto.conf')];
    const known = await this.knownRecovery.read({ dataDir, ownFiles, pgpass, majorVersion: this.version }, server);
    if (known === 'unreachable') return { change: false, restart: false };
    return compareRecovery({
      wanted: this.wanted(upstream),
      known,
      hasMarker: await this.hasStandbyMarker(),
      isStarting: server.isStarting,
      isTakenOver: server.isTakenOver,
      receiver: server.receiver,
      majorVersion: this.version,
      pgpassContent: await readIfPresent(pgpass),
      database,
      ownFiles,
    });
  }

  async setSynchronousStandbyNames(value: string | undefined): Promise<boolean> {
    if (this.synchronousStandbyNames === value) return false;
    this.synchronousStandbyNames = value;
    return this.write();
  }

  async setFeedback(isEnforced: boolean): Promise<boolean> {
    if (this.isFeedbackEnforced === isEnforced) return false;
    this.isFeedbackEnforced = isEnforced;
    return this.write();
  }

  async removeRecovery(): Promise<void> {
    this.recovery = undefined;
    this.knownRecovery.forget();
    await this.files.removeRecovery();
  }

  async beginCustomBootstrap(recovery: Readonly<Record<string, unknown>> | 'keep' | 'none'): Promise<void> {
    this.bootstrap = recovery === 'keep' ? 'custom-keeps-recovery' : 'custom';
    if (recovery === 'keep') return;
    await this.removeRecovery();
    if (recovery === 'none') return;
    this.recovery = new Map(Object.entries(recovery).map(([name, value]) => [name.toLowerCase(), pythonText(value)]));
    await this.files.writeRecoveryMarker(this.recovery, this.version, await this.validity());
  }

  async endCustomBootstrap(role: PostgresRole): Promise<boolean> {
    this.bootstrap = 'no';
    const { parameters } = this.compute();
    if (!this.settings.pgHba?.length) {
      await rm(this.files.hbaFile, { force: true });
      await this.files.restoreFiles(parameters);
    }
    await this.removeRecovery();
    await this.writeServerFile(role);
    return parameters.has('hba_file') || Object.keys(this.pendingRestart).length > 0;
  }

  async effectiveValue(name: string): Promise<string | undefined> {
    return (await this.valueInFiles(name)) || undefined;
  }

  /** undefined: it can't be told. */
  private async valueInFiles(name: string): Promise<string | undefined> {
    const argv = ['-D', this.settings.dataDir, '-C', name, `--config-file=${this.files.serverFile}`];
    const result = await this.tool(argv);
    if (result.code !== 0) this.options.log.error(`the value of ${name} could not be read: ${result.stderr.trim()}`);
    return result.code === 0 ? result.stdout.trim() : undefined;
  }

  async restoreCommand(upstream: Upstream): Promise<string | undefined> {
    await this.readVersion();
    return this.wanted(upstream).parameters.get('restore_command');
  }

  async binaryVersion(): Promise<number> {
    return parseServerVersion((await this.tool(['--version'])).stdout) ?? 0;
  }

  private compute(): ServerParameters {
    const mode = this.options.synchronousMode();
    return computeServerParameters({
      settings: this.settings,
      scope: this.options.scope,
      majorVersion: this.version,
      role: this.role,
      // What was set is in force until it is taken back: first the leader has to withdraw the promise in the store.
      synchronousMode: mode === 'off' && this.synchronousStandbyNames === undefined ? 'off' : 'on',
      strict: mode === 'strict',
      synchronousStandbyNames: this.synchronousStandbyNames,
      enforceFeedback: this.isFeedbackEnforced,
    });
  }

  private withRaised(parameters: Parameters): Parameters {
    const result = new Parameters(parameters);
    for (const [name, value] of this.raised) result.set(name, value);
    return result;
  }

  private wanted(upstream: Upstream | undefined): WantedRecovery {
    const { recoveryConf } = this.compute();
    const { settings, version: majorVersion } = this;
    return wantedRecovery({ upstream, name: this.options.name, settings, recoveryConf, majorVersion, useSlots: settings.useSlots });
  }

  /** Compares with the running server and writes when something changed, or in any case with `force`. */
  private async reconfigure(current: ServerSettings, force: boolean): Promise<boolean> {
    const { parameters } = this.compute();
    const comparison = compareWithServer(this.withRaised(parameters), this.written, current.rows, {
      useUnixSocket: this.settings.useUnixSocket,
      walSegmentBytes: current.walSegmentBytes,
    });
    for (const line of comparison.logLines) this.options.log.info(line);
    if (!comparison.keepsAddresses) this.addresses = localAddresses(this.settings, parameters);
    const isWriting = comparison.changed || force;
    if (isWriting) await this.write();
    this.pendingRestart = await this.withRemoved(comparison.pendingRestart, parameters, current);
    return isWriting;
  }

  /** What is no more in the configuration gets the value of another file, or the default, at the next start. */
  private async withRemoved(pending: PendingRestart, wanted: Parameters, current: ServerSettings): Promise<PendingRestart> {
    const result = { ...pending };
    this.removed = new Set([...this.removed, ...Object.keys(pending)].filter((name) => (wanted.get(name) ?? null) === null));
    for (const row of current.rows.filter(({ name }) => this.removed.has(name))) {
      const change = changeAtRestart(row, await this.valueInFiles(row.name), current);
      if (change === undefined) delete result[row.name];
      else result[row.name] = change;
    }
    return result;
  }

  /** True when the file is another one now. */
  private async write(): Promise<boolean> {
    await this.readVersion();
    this.written = this.withRaised(this.compute().parameters);
    const validity = await this.validity();
    const before = await readIfPresent(this.files.serverFile);
    await this.files.writeServerFile({
      ...validity,
      parameters: this.written,
      majorVersion: this.version,
      recovery: this.recovery,
      forceHbaFile: this.bootstrap !== 'no',
      keepsRecovery: this.bootstrap === 'custom-keeps-recovery',
    });
    return before !== (await readIfPresent(this.files.serverFile));
  }

  /** pg_hba.conf and pg_ident.conf, where they are ours. True when one changed. */
  private async writeAccessFiles(): Promise<boolean> {
    const { parameters } = this.compute();
    const contents = (): Promise<readonly (string | undefined)[]> =>
      Promise.all([this.files.hbaFile, this.files.identFile].map(readIfPresent));
    const before = await contents();
    if (this.bootstrap === 'no') await this.files.writeHba(parameters, this.role);
    else await this.files.writeBootstrapTrust(await this.ownAddresses());
    await this.files.writeIdent(parameters, this.role);
    const after = await contents();
    return before.some((content, at) => content !== after[at]);
  }

  private async ownAddresses(): Promise<readonly string[]> {
    const host = this.addresses.replicationHost;
    if (host === undefined || host.startsWith('/')) return [];
    return (await lookup(host, { all: true })).map(({ address }) => address);
  }

  /** Whether a custom bootstrap ends recovery by itself; a hot standby would let clients in before. */
  private opensAtTarget(): boolean {
    if (this.bootstrap === 'custom-keeps-recovery') return true;
    if (this.recovery === undefined || isTruthy(this.recovery.get('standby_mode'))) return false;
    return convertRecoveryTarget(this.recovery, this.version).get('recovery_target_action')?.toLowerCase() === 'promote';
  }

  private async hasStandbyMarker(): Promise<boolean> {
    const name = this.version >= 120_000 ? 'standby.signal' : 'recovery.conf';
    return (await readIfPresent(join(this.settings.dataDir, name))) !== undefined;
  }

  private async validity(): Promise<ValidityContext> {
    if (this.binary !== undefined) return this.binary;
    const described = await this.tool(['--describe-config']);
    const names = described.stdout.split('\n').map((line) => line.split('\t')[0]?.toLowerCase() ?? '');
    const fullVersion = versionForValidation((await this.binaryVersion()) || undefined, this.version);
    const validity = { fullVersion, available: described.code === 0 ? new Set(names) : undefined };
    if (described.code === 0) this.binary = validity;
    return validity;
  }

  private async readVersion(): Promise<void> {
    if (this.version === 0) this.version = await readMajorVersion(this.settings.dataDir);
  }

  private address(host: string | undefined): ConnectionParameters {
    return host === undefined ? { port: this.addresses.port } : { host, port: this.addresses.port };
  }

  private tool(argv: readonly string[]): ReturnType<typeof runTool> {
    const env = { ...this.options.environment, ...PLAIN_LOCALE };
    return runTool(toolPath(this.settings, 'postgres'), argv, { env, timeoutMs: TOOL_TIMEOUT_MS });
  }
}

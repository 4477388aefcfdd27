import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { InitialiseOutcome, Upstream } from '../ports/postgres.js';
import type { BootstrapSettings, PostgresSettings } from '../ports/settings.js';
import { type BootstrapMethod, bootstrapMethod, removeTriggerFile, runCustomBootstrap } from './bootstrap/custom-method.js';
import { initdb } from './bootstrap/initdb.js';
import { postBootstrap } from './bootstrap/post-bootstrap.js';
import { createReplica } from './bootstrap/replica.js';
import type { CancellableRunner } from './cancellable.js';
import type { InstanceState } from './process/instance-state.js';
import type { Lifecycle } from './process/lifecycle.js';
import { toolPath } from './process/tools.js';
import { connect } from './query/connect.js';
import type { ServerConfiguration } from './server-configuration.js';

export interface ProvisionParts {
  readonly settings: () => PostgresSettings;
  readonly bootstrap: BootstrapSettings | undefined;
  readonly scope: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly state: InstanceState;
  readonly lifecycle: Lifecycle;
  readonly runner: CancellableRunner;
  readonly configuration: ServerConfiguration;
  readonly majorVersion: () => Promise<number>;
  /** The data directory is a new one: nothing known of the former holds. */
  readonly onCreated: () => void;
  readonly closeSession: () => void;
}

/** Creates data directories: the first of a cluster (postgres.md §18), and copies of it (§19). */
export class Provision {
  private readonly parts: ProvisionParts;
  private method: BootstrapMethod = { kind: 'initdb' };
  /** No callbacks, and the system identifier is not told. */
  isBootstrapping = false;
  isCustomBootstrap = false;

  constructor(parts: ProvisionParts) {
    this.parts = parts;
  }

  async initialise(): Promise<InitialiseOutcome> {
    const { bootstrap, configuration, lifecycle, log } = this.parts;
    if (bootstrap === undefined) return 'failed';
    this.isBootstrapping = true;
    this.method = bootstrapMethod(bootstrap, log);
    const isCreated = this.method.kind === 'initdb' ? await this.runInitdb(bootstrap) : await this.runCustom(this.method);
    if (!isCreated) return 'failed';
    if (!this.isCustomBootstrap) {
      await configuration.appendBootstrapHba(bootstrap.pgHba);
      await configuration.saveFiles();
    }
    const outcome = await lifecycle.start({});
    return outcome === 'failed' ? 'failed' : 'started';
  }

  /** Roles and the user's script; ends the bootstrap when it succeeds. */
  async runPostBootstrap(): Promise<boolean> {
    const { clock, configuration, log, runner, bootstrap } = this.parts;
    const settings = this.parts.settings();
    const target = configuration.localTarget();
    const session = await connect(target, { clock, applicationName: 'Patroni', queryTimeoutMs: SCRIPT_QUERY_MS });
    try {
      const tool = await configuration.toolConnection(target);
      const isDone = await postBootstrap(
        {
          superuser: settings.superuser,
          replication: settings.replication,
          rewind: settings.rewind,
          majorVersion: await this.parts.majorVersion(),
          script: bootstrap?.postBootstrap,
          connectionString: tool.connectionString,
          environment: tool.environment,
        },
        { query: (text) => session.query(text), runner, log },
      );
      if (!isDone) return false;
    } finally {
      session.close();
    }
    if (this.isCustomBootstrap) await this.finishCustomBootstrap();
    this.isBootstrapping = false;
    return true;
  }

  /** After a failed bootstrap: callbacks and the identifier are back. */
  abandon(): void {
    this.isBootstrapping = false;
    this.isCustomBootstrap = false;
  }

  async clone(source: Upstream | undefined, options: { readonly basebackupOnly: boolean }): Promise<boolean> {
    const { state, configuration, clock, log, runner, scope } = this.parts;
    const settings = this.parts.settings();
    state.setState('creating replica');
    // What was there is removed.
    state.role = 'uninitialized';
    try {
      const target = source === undefined ? undefined : configuration.remoteTarget(source, 'replication');
      const isDone = await createReplica(
        {
          dataDir: settings.dataDir,
          scope,
          methods: options.basebackupOnly ? ['basebackup'] : (source?.createReplicaMethods ?? settings.createReplicaMethods),
          sections: settings.methods,
          basebackup: settings.basebackup,
          pgBasebackup: toolPath(settings, 'pg_basebackup'),
          binaryVersion: await configuration.binaryVersion(),
          source: target === undefined ? undefined : await configuration.toolConnection(target),
        },
        { runner, clock, log },
      );
      this.parts.onCreated();
      if (isDone) await this.afterRestore();
      return isDone;
    } finally {
      state.setState('stopped');
    }
  }

  private async runInitdb(bootstrap: BootstrapSettings): Promise<boolean> {
    const { state, clock, log } = this.parts;
    const settings = this.parts.settings();
    state.setState('initializing new cluster');
    const request = {
      initdb: toolPath(settings, 'initdb'),
      dataDir: settings.dataDir,
      options: bootstrap.initdb,
      superuser: settings.superuser,
    };
    if (!(await initdb(request, { clock, log }))) {
      state.setState('initdb failed');
      return false;
    }
    this.parts.onCreated();
    await this.parts.configuration.dataDirectoryCreated();
    return true;
  }

  private async runCustom(method: Extract<BootstrapMethod, { readonly kind: 'custom' }>): Promise<boolean> {
    const { state, runner, log, scope, configuration } = this.parts;
    state.setState('running custom bootstrap script');
    this.isCustomBootstrap = true;
    const isDone = await runCustomBootstrap(method, { scope, dataDir: this.parts.settings().dataDir, runner, log });
    this.parts.onCreated();
    if (!isDone) {
      state.setState('custom bootstrap failed');
      return false;
    }
    await this.afterRestore();
    const { recovery } = method;
    await configuration.beginCustomBootstrap(recovery.kind === 'write' ? recovery.parameters : recovery.kind === 'keep' ? 'keep' : 'none');
    return true;
  }

  private async afterRestore(): Promise<void> {
    const { recoveryConf, dataDir } = this.parts.settings();
    await this.parts.configuration.dataDirectoryCreated();
    const trigger = recoveryConf['promote_trigger_file'] ?? recoveryConf['trigger_file'];
    await removeTriggerFile(dataDir, typeof trigger === 'string' ? trigger : undefined);
  }

  private async finishCustomBootstrap(): Promise<void> {
    const { configuration, lifecycle, state, closeSession } = this.parts;
    this.isCustomBootstrap = false;
    if (await configuration.endCustomBootstrap(state.role)) await lifecycle.restart({ quiet: true });
    else await lifecycle.reload(true);
    // The next connection has to authenticate by the real pg_hba.conf.
    closeSession();
  }
}

/** Creating a role waits for locks at most so long. */
const SCRIPT_QUERY_MS = 10_000;

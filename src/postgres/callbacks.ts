/**
 * Runs the user's callbacks. Nobody waits for them, and their exit codes mean nothing.
 *
 * Two lanes, `on_reload` and all others, each with one running command and one pending slot. A new call kills the running
 * command with its descendants at once and takes the pending slot: what was waiting there is lost. So the last event always
 * gets its callback, and a callback that hangs can't hold up the next.
 */
import type { PostgresRole } from '../cluster/postgres-state.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { PostgresSettings } from '../ports/settings.js';
import { runCommand } from './command.js';
import { splitWords } from './command-line.js';
import { identifyProcess, killTree, type ProcessIdentity, signalProcess } from './process-tree.js';

export type CallbackAction = keyof PostgresSettings['callbacks'];

export interface Callbacks {
  /** True once any action but `on_reload` was called: the agent has taken the server over. Commands need not be configured. */
  readonly wasCalled: boolean;
  call(action: CallbackAction, role: PostgresRole): void;
}

export interface CallbackDependencies {
  /** Read at each call, so that a reload takes effect. */
  readonly commands: () => PostgresSettings['callbacks'];
  readonly scope: string;
  readonly clock: Clock;
  readonly log: Log;
}

export function createCallbacks(dependencies: CallbackDependencies): Callbacks {
  const { commands, scope, clock, log } = dependencies;
  const reloadLane = new Lane(clock, log);
  const lane = new Lane(clock, log);
  let wasCalled = false;
  return {
    get wasCalled() {
      return wasCalled;
    },
    call(action, role) {
      if (action !== 'on_reload') wasCalled = true;
      const command = commands()[action];
      if (!command) return;
      const words = splitWords(command);
      if (words === undefined) return log.error(`callback ${action}: unbalanced quotes in its command`);
      const argv = [...words, action, role === 'promoted' ? 'primary' : role, scope];
      (action === 'on_reload' ? reloadLane : lane).submit(argv);
    },
  };
}

class Lane {
  private readonly clock: Clock;
  private readonly log: Log;
  private running: ProcessIdentity | undefined;
  private left: readonly ProcessIdentity[] = [];
  private pending: readonly string[] | undefined;
  private isBusy = false;

  constructor(clock: Clock, log: Log) {
    this.clock = clock;
    this.log = log;
  }

  submit(argv: readonly string[]): void {
    if (this.running !== undefined) this.left = [...this.left, ...killTree(this.running)];
    this.pending = argv;
    if (this.isBusy) return;
    this.isBusy = true;
    this.work().catch((error: unknown) => this.log.error('callback failed unexpectedly', error));
  }

  private async work(): Promise<void> {
    try {
      for (let argv = this.take(); argv !== undefined; argv = this.take()) {
        const outcome = await runCommand(argv, {}, this.clock, (pid) => {
          this.running = identifyProcess(pid);
        });
        this.running = undefined;
        if (outcome.kind === 'not-started') this.log.error(`Failed to execute callback ${argv.join(' ')}: ${outcome.error}`);
        for (const process of this.left) signalProcess(process, 'SIGKILL');
        this.left = [];
      }
    } finally {
      this.isBusy = false;
    }
  }

  private take(): readonly string[] | undefined {
    const argv = this.pending;
    this.pending = undefined;
    return argv;
  }
}

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
import { type ProcessHandle, type ProcessTable, signalProcess } from './process/process-table.js';
import { identifyProcess, killTree } from './process-tree.js';

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
  readonly table: ProcessTable;
  readonly log: Log;
}

export function createCallbacks(dependencies: CallbackDependencies): Callbacks {
  const { commands, scope } = dependencies;
  const reloadLane = new Lane(dependencies);
  const lane = new Lane(dependencies);
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
      if (words === undefined) return dependencies.log.error(`callback ${action}: unbalanced quotes in its command`);
      const argv = [...words, action, role === 'promoted' ? 'primary' : role, scope];
      (action === 'on_reload' ? reloadLane : lane).submit(argv);
    },
  };
}

class Lane {
  private readonly clock: Clock;
  private readonly table: ProcessTable;
  private readonly log: Log;
  private running: ProcessHandle | undefined;
  private left: readonly ProcessHandle[] = [];
  private pending: readonly string[] | undefined;
  private isBusy = false;

  constructor({ clock, table, log }: CallbackDependencies) {
    this.clock = clock;
    this.table = table;
    this.log = log;
  }

  submit(argv: readonly string[]): void {
    if (this.running !== undefined) this.left = [...this.left, ...killTree(this.table, this.running)];
    this.pending = argv;
    if (this.isBusy) return;
    this.isBusy = true;
    this.work().catch((error: unknown) => this.log.error('callback failed unexpectedly', error));
  }

  private async work(): Promise<void> {
    try {
      for (let argv = this.take(); argv !== undefined; argv = this.take()) {
        const outcome = await runCommand(argv, {}, this.clock, (pid) => {
          this.running = identifyProcess(this.table, pid);
        });
        this.running = undefined;
        if (outcome.kind === 'not-started') this.log.error(`Failed to execute callback ${argv.join(' ')}: ${outcome.error}`);
        for (const process of this.left) signalProcess(this.table, process, 'SIGKILL');
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

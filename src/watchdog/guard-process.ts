import { type ChildProcess, spawn } from 'node:child_process';
import { milliseconds } from '../base/duration.js';
import type { Clock } from '../ports/clock.js';

/** The server that a guard kills: every process of this binary that works in this directory, and all below them. */
export interface GuardedServer {
  readonly binary: string;
  /** As the kernel spells it. */
  readonly directory: string;
  readonly postmaster: { readonly pid: number; readonly startedAt: string } | undefined;
}

export interface GuardEvents {
  /** It ended though nobody disarmed it. */
  onEnd(reason: string): void;
  /** It killed so many processes of the server. */
  onFired(count: number): void;
}

/** From the start of the program to its word that it is armed. */
const READY_MS = 2000;
/** A guard that does not answer a feed within this time is as good as dead. */
const ANSWER_MS = 2000;
/** One more look: after the agent itself stood still, the answer may lie in the pipe. */
const SECOND_LOOK_MS = 300;
/** To end by itself after it was disarmed. */
const END_MS = 2000;

/**
 * One running guard program. Deadlines are absolute times of the monotonic clock: whatever stands between here and there can
 * only make them look earlier, never later.
 */
export class GuardProcess {
  private readonly clock: Clock;
  private readonly child: ChildProcess;
  private readonly events: GuardEvents;
  private isReady = false;
  private hasEnded = false;
  private isDismissed = false;
  private awaited: string | undefined;
  private cancelWait: (() => void) | undefined;
  private onReady: (isReady: boolean) => void = () => undefined;

  private constructor(clock: Clock, child: ChildProcess, events: GuardEvents) {
    this.clock = clock;
    this.child = child;
    this.events = events;
    this.listen();
  }

  /** Starts and arms it. @returns undefined when it could not be armed. */
  static async start(
    program: string,
    server: GuardedServer,
    deadline: number,
    clock: Clock,
    events: GuardEvents,
  ): Promise<GuardProcess | undefined> {
    const { pid, startedAt } = identity(server);
    const child = spawn(program, ['guard', server.binary, kernelTime(deadline, clock), pid, startedAt, server.directory], {
      argv0: GUARD_NAME,
      // A session of its own: what is sent to the agent's group or terminal must not end its guard.
      detached: true,
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const guard = new GuardProcess(clock, child, events);
    if (await guard.untilReady()) return guard;
    guard.dismiss();
    return undefined;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  feed(deadline: number, server: GuardedServer): void {
    const time = kernelTime(deadline, this.clock);
    const { pid, startedAt } = identity(server);
    this.awaited = time;
    this.child.stdin?.write(`F ${time} ${pid} ${startedAt}\n`);
    // Counted from the first feed without an answer: later ones must not put it off.
    this.cancelWait ??= this.awaitAnswer();
  }

  private awaitAnswer(): () => void {
    return this.clock.after(ANSWER_MS, () => {
      this.cancelWait = this.clock.after(SECOND_LOOK_MS, () => this.child.kill('SIGKILL'));
    });
  }

  /** Disarms it; it ends. */
  dismiss(): void {
    if (this.isDismissed) return;
    this.isDismissed = true;
    this.cancelWait?.();
    if (this.hasEnded) return;
    this.child.stdin?.write('D\n');
    this.cancelWait = this.clock.after(END_MS, () => this.child.kill('SIGKILL'));
  }

  private untilReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(READY_MS, () => resolve(this.isReady));
      this.onReady = (isReady) => {
        cancel();
        resolve(isReady);
      };
    });
  }

  private listen(): void {
    const { child } = this;
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (text + chunk.toString('latin1')).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.hear(line);
    });
    // Broken pipes show as the end of the process.
    child.stdout?.on('error', () => undefined);
    child.stdin?.on('error', () => undefined);
    child.on('error', (error) => this.end(error.message));
    child.on('exit', (code, signal) => this.end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    // It never keeps an agent that wants to end.
    child.unref();
    for (const stream of [child.stdin, child.stdout]) (stream as { unref?: () => void } | null)?.unref?.();
  }

  private hear(line: string): void {
    const [word, value] = line.split(' ');
    if (word === 'ready') {
      this.isReady = true;
      this.onReady(true);
    }
    if (word === 'fed' && !this.isDismissed) {
      this.cancelWait?.();
      this.cancelWait = value === this.awaited ? undefined : this.awaitAnswer();
    }
    if (word === 'fired' && !this.isDismissed) this.events.onFired(Number(value));
  }

  private end(reason: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.cancelWait?.();
    const wasReady = this.isReady;
    this.isReady = false;
    this.onReady(false);
    if (wasReady && !this.isDismissed) this.events.onEnd(reason);
  }
}

/** The name that it goes by in lists of processes. */
export const GUARD_NAME = 'patroni-guard';

function identity({ postmaster }: GuardedServer): { readonly pid: string; readonly startedAt: string } {
  return { pid: String(postmaster?.pid ?? 0), startedAt: postmaster?.startedAt ?? '0' };
}

/** A reading of our clock as CLOCK_MONOTONIC, in nanoseconds. Standing still between the two readings makes it earlier. */
function kernelTime(at: number, clock: Clock): string {
  const kernel = process.hrtime.bigint();
  const left = milliseconds(at - clock.monotonic());
  const time = kernel + BigInt(Math.floor(left * 1e6));
  return String(time > 0n ? time : 1n);
}

import type { Timings } from '../cluster/dynamic-config.js';
import type { MemberIdentity } from '../ha/member-document.js';
import type { LocalPolicy } from '../ha/observation.js';
import type { Clock } from '../ports/clock.js';
import type { Dcs } from '../ports/dcs.js';
import type { Log } from '../ports/log.js';
import type { LogicalSlots } from '../ports/logical-slots.js';
import type { Peers } from '../ports/peers.js';
import type { Postgres } from '../ports/postgres.js';
import type { Random } from '../ports/random.js';
import type { Watchdog } from '../ports/watchdog.js';

/** Everything outside of the agent, as it is used by it. Real on servers, modelled in the simulator. */
export interface AgentPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly dcs: Dcs;
  readonly postgres: Postgres;
  readonly logicalSlots: LogicalSlots;
  readonly peers: Peers;
  readonly watchdog: Watchdog;
  readonly configuration: AgentConfiguration;
}

/** The agent's configuration: the local part changes by reload, the dynamic one by the store. */
export interface AgentConfiguration {
  readonly name: string;
  readonly scope: string;
  policy(): LocalPolicy;
  identity(): MemberIdentity;
  /** The dynamic configuration to begin with: the cached copy, else `bootstrap.dcs`, else nothing. */
  initialDynamic(): Readonly<Record<string, unknown>>;
  /**
   * Applies a dynamic configuration to PostgreSQL, REST API and the rest, with the timings in force.
   * @returns why it was refused; the running configuration then stays.
   */
  applyDynamic(data: Readonly<Record<string, unknown>>, timings: Timings): Promise<string | undefined>;
  /** Keeps a copy in the data directory. False: it could not be written, which was logged. */
  saveDynamic(data: Readonly<Record<string, unknown>>): Promise<boolean>;
  /** Reads the local configuration again (SIGHUP, `POST /reload`). Never throws: a refused one is logged and the old stays. */
  reloadLocal(): Promise<void>;
  /** Parameters and access rules that depend on the role are rewritten when it changed. */
  applyRole(): Promise<void>;
  logQueue(): { readonly size: number; readonly lost: number };
}

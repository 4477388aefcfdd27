/** A real server of a store, in a scratch directory, on loopback. */
export interface StoreServer {
  /** As settings name it. */
  readonly url: string;
  readonly port: number;
  /** SIGKILL; the data stays. */
  kill(): Promise<void>;
  /** Starts a killed server again, with its data. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** Chance for jitter and identifiers; seeded in the simulator. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A random (version 4) UUID. */
  uuid(): string;
}

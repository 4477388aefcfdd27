/** What is wrong with one member's machine. Faults set it, healing clears it. */
export class Trouble {
  /** Nothing can be written: a primary dies of it at the next commit, nothing starts, a standby receives nothing. */
  isDiskFull = false;
  /** The archiver does not end, so that a shutdown of a primary does not either. */
  isArchiverStuck = false;
  /** The data directory can't be read: not mounted. */
  isInaccessible = false;
  /** pg_control: unreadable, or what it said when the trouble began. */
  controlFile: 'right' | 'unreadable' | 'stale' = 'right';
  /** pre_promote says no. */
  isPromotionRefused = false;
  /** Replay stands still, as when a parameter of the primary grew. */
  isReplayPaused = false;

  /** The guard or the device can't be had. */
  isWatchdogMissing = false;

  clear(): void {
    this.isDiskFull = false;
    this.isArchiverStuck = false;
    this.isInaccessible = false;
    this.controlFile = 'right';
    this.isPromotionRefused = false;
    this.isReplayPaused = false;
    this.isWatchdogMissing = false;
  }
}

import type { LogRecord } from './log-format.js';

const HEARTBEATS = ['no action. ', 'PAUSE: no action'];

/**
 * Keeps a quiet cluster's log quiet (configuration.md §5.2): `Lock owner: …` is held back and left out when a heartbeat
 * follows, and with `deduplicate` a heartbeat equal to the one before is left out as well. Only while the level is INFO.
 */
export class HeartbeatFilter {
  private held: LogRecord | undefined;
  private previousHeartbeat: string | undefined;

  /** What to print now, in order. */
  pass(record: LogRecord, isActive: boolean, deduplicate: boolean): readonly LogRecord[] {
    const held = this.held;
    this.held = undefined;
    if (!isActive) return held === undefined ? [record] : [held, record];
    if (record.message.startsWith('Lock owner: ')) {
      this.held = record;
      return [];
    }
    if (HEARTBEATS.some((start) => record.message.startsWith(start))) {
      const isRepeated = deduplicate && record.message === this.previousHeartbeat;
      this.previousHeartbeat = record.message;
      return isRepeated ? [] : [record];
    }
    this.previousHeartbeat = undefined;
    return held === undefined ? [record] : [held, record];
  }

  /** The record held back, for the end of the process. */
  release(): readonly LogRecord[] {
    const held = this.held;
    this.held = undefined;
    return held === undefined ? [] : [held];
  }
}

import type { Milliseconds } from '../../base/duration.js';
import type { ServerTrouble, TroubleKind } from '../../cluster/server-trouble.js';

/** What one probe found. `unknown`: it could not be made, which proves nothing. */
export type Finding = { readonly kind: 'fine' | 'unknown' } | { readonly kind: TroubleKind; readonly detail: string };

/** The series of failures of each probe, by the probe's name. */
export class TroubleSeries {
  private readonly bySource = new Map<string, ServerTrouble>();

  /** @param startedAt when the probe began. */
  note(source: string, startedAt: Milliseconds, finding: Finding): void {
    if (!('detail' in finding)) {
      this.bySource.delete(source);
      return;
    }
    const { kind, detail } = finding;
    const before = this.bySource.get(source);
    const isSame = before?.kind === kind;
    this.bySource.set(source, { kind, detail, since: isSame ? before.since : startedAt, failures: isSame ? before.failures + 1 : 1 });
  }

  failuresOf(source: string): number {
    return this.bySource.get(source)?.failures ?? 0;
  }

  get all(): readonly ServerTrouble[] {
    return [...this.bySource.values()];
  }

  clear(): void {
    this.bySource.clear();
  }
}

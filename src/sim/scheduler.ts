interface Event {
  readonly at: number;
  readonly sequence: number;
  readonly action: () => void;
  isCancelled: boolean;
}

/** Events in one batch of immediates. */
const BATCH = 64;

/**
 * Virtual time. The next event by (time, sequence) is delivered, then all promises settle at a macrotask boundary, and
 * only then time moves on: code under test never sees the clock advance between two of its awaits that wait for nothing.
 */
export class Scheduler {
  now = 0;
  private readonly heap: Event[] = [];
  private sequence = 0;

  /** Runs `action` after `ms` of virtual time, unless the returned function is called before. */
  after(ms: number, action: () => void): () => void {
    const event: Event = { at: this.now + Math.max(ms, 0), sequence: this.sequence++, action, isCancelled: false };
    this.push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** Delivers events until virtual time `end`, or until `isDone` says so after one of them. @returns the number delivered. */
  runUntil(end: number, isDone: () => boolean = () => false): Promise<number> {
    let delivered = 0;
    let isFinished = false;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        isFinished = true;
        resolve(delivered);
      };
      const turn = (): void => {
        if (isFinished) return;
        try {
          if (delivered > 0 && isDone()) finish();
          else if (this.deliverNext(end)) delivered++;
          else {
            this.now = Math.max(this.now, end);
            finish();
          }
        } catch (error) {
          isFinished = true;
          reject(error);
        }
      };
      // Node settles all promises between two immediates of one batch. Batches keep it from polling for I/O after each event.
      const batch = (): void => {
        for (let i = 0; i < BATCH; i++) setImmediate(turn);
        setImmediate(() => {
          if (!isFinished) batch();
        });
      };
      batch();
    });
  }

  /** @returns false when nothing is left to do until `end`. */
  private deliverNext(end: number): boolean {
    for (let next = this.heap[0]; next !== undefined && next.at <= end; next = this.heap[0]) {
      this.pop();
      if (next.isCancelled) continue;
      this.now = next.at;
      next.action();
      return true;
    }
    return false;
  }

  private push(event: Event): void {
    const { heap } = this;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const l = heap[left];
      const r = heap[right];
      if (l === undefined) break;
      const [child, smaller] = r !== undefined && isBefore(r, l) ? [right, r] : [left, l];
      if (isBefore(last, smaller)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

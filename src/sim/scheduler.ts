interface Event {
  readonly at: number;
  readonly sequence: number;
  readonly action: () => void;
  isCancelled: boolean;
}

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
  async runUntil(end: number, isDone: () => boolean = () => false): Promise<number> {
    let delivered = 0;
    await settle();
    for (let next = this.heap[0]; next !== undefined && next.at <= end; next = this.heap[0]) {
      this.pop();
      if (next.isCancelled) continue;
      this.now = next.at;
      next.action();
      await settle();
      delivered++;
      if (isDone()) return delivered;
    }
    this.now = Math.max(this.now, end);
    return delivered;
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

function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

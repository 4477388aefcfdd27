import type { Dcs } from '../../src/ports/dcs.js';

/** The store as it is, with the time that each renewal of the leader lock takes. @param tell undefined: not renewed. */
export function timed(dcs: Dcs, tell: (ms: number | undefined) => void): Dcs {
  const renewLeaderLock: Dcs['renewLeaderLock'] = async (...args) => {
    const started = performance.now();
    let outcome: 'renewed' | 'lost' | 'unknown' = 'unknown';
    try {
      outcome = await dcs.renewLeaderLock(...args);
      return outcome;
    } finally {
      tell(outcome === 'renewed' ? performance.now() - started : undefined);
    }
  };
  return new Proxy(dcs, {
    get: (target, name) => {
      if (name === 'renewLeaderLock') return renewLeaderLock;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

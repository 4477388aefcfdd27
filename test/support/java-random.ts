const MULTIPLIER = 0x5deece66dn;
const MASK = (1n << 48n) - 1n;

/** What `new java.util.Random(seed).nextBytes` gives. */
export function javaRandomBytes(seed: bigint, count: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(count / 4) * 4);
  let state = (seed ^ MULTIPLIER) & MASK;
  for (let i = 0; i < count; i += 4) {
    state = (state * MULTIPLIER + 0xbn) & MASK;
    bytes.writeUInt32LE(Number(state >> 16n), i);
  }
  return bytes.subarray(0, count);
}

declare const lsnBrand: unique symbol;

/** A WAL position in bytes (64 bit): `A/B` of PostgreSQL is `A * 2^32 + B`. */
export type Lsn = bigint & { readonly [lsnBrand]: true };

const MAX = (1n << 64n) - 1n;

/** The position before any WAL, which PostgreSQL writes `0/0`; also "not known" in every wire format. */
export const LSN_ZERO = 0n as Lsn;

/**
 * Makes a position of bytes. Numbers must be safe integers, else precision is lost already.
 * @returns undefined for anything outside of 0 … 2^64 − 1.
 */
export function lsnFromBytes(bytes: bigint | number): Lsn | undefined {
  if (typeof bytes === 'number' && !Number.isSafeInteger(bytes)) return undefined;
  const value = BigInt(bytes);
  return value >= 0n && value <= MAX ? (value as Lsn) : undefined;
}

/** Reads PostgreSQL's text form `X/Y` (hexadecimal, any case, padded or not). */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text.trim());
  if (!match) return undefined;
  return ((BigInt(`0x${match[1]}`) << 32n) + BigInt(`0x${match[2]}`)) as Lsn;
}

/** `X/Y`, upper-case hexadecimal without padding, as PostgreSQL and patronictl print it. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export function maxLsn(...positions: readonly (Lsn | undefined)[]): Lsn {
  let max = LSN_ZERO;
  for (const position of positions) if (position !== undefined && position > max) max = position;
  return max;
}

/** How many bytes `behind` lacks of `ahead`; 0 when it lacks nothing. */
export function lagBytes(ahead: Lsn, behind: Lsn): bigint {
  return ahead > behind ? ahead - behind : 0n;
}

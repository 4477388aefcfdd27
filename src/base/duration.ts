declare const millisecondsBrand: unique symbol;

/** A length of time, or a reading of a monotonic clock, in milliseconds. Configuration speaks seconds: convert once, at the edge. */
export type Milliseconds = number & { readonly [millisecondsBrand]: true };

export function milliseconds(value: number): Milliseconds {
  return value as Milliseconds;
}

export function seconds(value: number): Milliseconds {
  return (value * 1000) as Milliseconds;
}

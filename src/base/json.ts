/**
 * JSON without loss: Patroni writes 64-bit WAL positions, revisions and identifiers as JSON numbers, and `JSON.parse`
 * rounds what is beyond 2^53. Integers that a `number` can't hold exactly become `bigint`; everything else is as usual.
 */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Deeper nesting than any document of ours; keeps a hostile document from exhausting the stack. */
const MAX_DEPTH = 200;

/**
 * @throws SyntaxError when the text is not one JSON value. As `JSON.parse`, the last of equal keys wins.
 */
export function parseJson(text: string): Json {
  // Fast path: no digit run that could be beyond 2^53, so the platform's parser gives the same value.
  if (!/[0-9]{16}/.test(text)) return JSON.parse(text) as Json;
  return new Parser(text).document();
}

/** The object behind `text`, or undefined when it is not JSON or not an object. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How a document is written: `compact` for the DCS (no spaces), `spaced` for REST (`, ` and `: `); both escape non-ASCII. */
export type JsonStyle = 'compact' | 'spaced';

/** Writes JSON with ASCII only (`\uXXXX`), as Python's `json.dumps` does. Members that are undefined are left out. */
export function stringifyJson(value: unknown, style: JsonStyle = 'compact'): string {
  const comma = style === 'compact' ? ',' : ', ';
  const colon = style === 'compact' ? ':' : ': ';
  const write = (item: unknown): string => {
    if (item === null || item === undefined) return 'null';
    if (typeof item === 'string') return quote(item);
    if (typeof item === 'bigint' || typeof item === 'boolean') return String(item);
    if (typeof item === 'number') return Number.isFinite(item) ? String(item) : 'null';
    if (Array.isArray(item)) return `[${item.map(write).join(comma)}]`;
    const parts: string[] = [];
    for (const [key, member] of Object.entries(item as object)) {
      if (member !== undefined) parts.push(quote(key) + colon + write(member));
    }
    return `{${parts.join(comma)}}`;
  };
  return write(value);
}

function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A recursive-descent reader; strings and non-integer numbers are handed to `JSON.parse` so that they mean the same. */
class Parser {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  document(): Json {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) this.fail();
    return value;
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) this.fail();
    this.space();
    const c = this.text[this.at];
    if (c === '{') return this.object(depth);
    if (c === '[') return this.array(depth);
    if (c === '"') return this.string();
    return this.literal();
  }

  private object(depth: number): Json {
    const result: Record<string, Json> = {};
    this.at++;
    if (this.skip('}')) return result;
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail();
      const key = this.string();
      if (!this.skip(':')) this.fail();
      Object.defineProperty(result, key, { value: this.value(depth + 1), enumerable: true, writable: true, configurable: true });
    } while (this.skip(','));
    if (!this.skip('}')) this.fail();
    return result;
  }

  private array(depth: number): Json {
    const result: Json[] = [];
    this.at++;
    if (this.skip(']')) return result;
    do result.push(this.value(depth + 1));
    while (this.skip(','));
    if (!this.skip(']')) this.fail();
    return result;
  }

  private string(): string {
    const start = this.at++;
    while (this.at < this.text.length && this.text[this.at] !== '"') this.at += this.text[this.at] === '\\' ? 2 : 1;
    this.at++;
    return JSON.parse(this.text.slice(start, this.at)) as string;
  }

  private literal(): Json {
    const match = /[-+.0-9A-Za-z]+/y;
    match.lastIndex = this.at;
    const word = match.exec(this.text)?.[0];
    if (word === undefined) this.fail();
    this.at += word.length;
    if (/^-?(0|[1-9][0-9]*)$/.test(word)) {
      const exact = BigInt(word);
      const number = Number(exact);
      return Number.isSafeInteger(number) ? number : exact;
    }
    return JSON.parse(word) as Json;
  }

  private skip(c: string): boolean {
    this.space();
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private space(): void {
    while (' \t\n\r'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private fail(): never {
    throw new SyntaxError(`not JSON: unexpected ${JSON.stringify(this.text[this.at] ?? 'end')} at position ${this.at}`);
  }
}

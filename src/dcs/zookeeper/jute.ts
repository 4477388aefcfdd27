/** What a message of ZooKeeper's can't be read as. */
export class JuteError extends Error {
  override readonly name = 'JuteError';
}

/** Writes values as ZooKeeper's records hold them: big-endian, with lengths in front of texts and bytes. */
export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    return this.#add(part);
  }

  long(value: bigint): this {
    const part = Buffer.allocUnsafe(8);
    part.writeBigInt64BE(value);
    return this.#add(part);
  }

  bool(value: boolean): this {
    return this.#add(Buffer.from([value ? 1 : 0]));
  }

  bytes(value: Buffer): this {
    return this.int(value.length).#add(value);
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  record(value: JuteWriter): this {
    return this.#add(value.toBuffer());
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #add(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }
}

/** Reads what JuteWriter writes. @throws JuteError where the message ends too early. */
export class JuteReader {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#data.length;
  }

  int(): number {
    return this.#take(4).readInt32BE();
  }

  long(): bigint {
    return this.#take(8).readBigInt64BE();
  }

  bool(): boolean {
    return this.#take(1)[0] !== 0;
  }

  /** Empty for a null. */
  bytes(): Buffer {
    const length = this.int();
    return length < 0 ? Buffer.alloc(0) : this.#take(length);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  texts(): string[] {
    const count = this.int();
    const found: string[] = [];
    for (let i = 0; i < count; i += 1) found.push(this.text());
    return found;
  }

  #take(length: number): Buffer {
    const part = this.#data.subarray(this.#at, this.#at + length);
    if (part.length < length) throw new JuteError('a message of ZooKeeper ends too early');
    this.#at += length;
    return part;
  }
}

/** A parameter as it goes over the wire: text, bytes or null. */
export type Encoded = string | Buffer | null;

const SLAB = 64 * 1024;

/**
 * Writes the messages of the PostgreSQL protocol one behind the other, so that all that is due goes out in one system
 * call. Bytes that were taken are never written again, so a slow socket may keep them.
 * @see PostgreSQL 15 manual 55.7
 */
export class Writer {
  #slab = Buffer.allocUnsafe(SLAB);
  #from = 0;
  #at = 0;

  /** True when nothing waits to be taken. */
  get empty(): boolean {
    return this.#from === this.#at;
  }

  /** The bytes written since the last time. */
  take(): Buffer {
    const bytes = this.#slab.subarray(this.#from, this.#at);
    this.#from = this.#at;
    return bytes;
  }

  parse(name: string, text: string): void {
    const start = this.#begin(0x50, name.length + text.length * 3 + 4);
    this.#string(name);
    this.#string(text);
    this.#int16(0);
    this.#end(start);
  }

  /** Binds the unnamed portal. All results come as text; parameters that are bytes are sent as they are. */
  bind(name: string, values: readonly Encoded[]): void {
    const start = this.#begin(0x42, name.length + 10 + values.length * 6);
    this.#slab[this.#at++] = 0;
    this.#string(name);
    if (values.some(Buffer.isBuffer)) {
      this.#int16(values.length);
      for (const value of values) this.#int16(Buffer.isBuffer(value) ? 1 : 0);
    } else {
      this.#int16(0);
    }
    this.#int16(values.length);
    for (let i = 0; i < values.length; i++) this.#value(values[i] as Encoded);
    this.#room(2);
    this.#int16(0);
    this.#end(start);
  }

  describePortal(): void {
    const start = this.#begin(0x44, 2);
    this.#slab[this.#at++] = 0x50;
    this.#slab[this.#at++] = 0;
    this.#end(start);
  }

  execute(): void {
    const start = this.#begin(0x45, 5);
    this.#slab[this.#at++] = 0;
    this.#slab.writeInt32BE(0, this.#at);
    this.#at += 4;
    this.#end(start);
  }

  closeStatement(name: string): void {
    const start = this.#begin(0x43, name.length + 2);
    this.#slab[this.#at++] = 0x53;
    this.#string(name);
    this.#end(start);
  }

  /** Asks for the answers so far, before what Sync does. */
  flush(): void {
    this.#end(this.#begin(0x48, 0));
  }

  sync(): void {
    this.#end(this.#begin(0x53, 0));
  }

  /** The simple protocol: the only one that takes several statements in one text. */
  query(text: string): void {
    const start = this.#begin(0x51, text.length * 3 + 1);
    this.#string(text);
    this.#end(start);
  }

  copyFail(reason: string): void {
    const start = this.#begin(0x66, reason.length * 3 + 1);
    this.#string(reason);
    this.#end(start);
  }

  #begin(code: number, size: number): number {
    this.#room(size + 5);
    this.#slab[this.#at] = code;
    this.#at += 5;
    return this.#at - this.#from - 4;
  }

  /** The length goes in last; its place is relative to `#from`, because the bytes may have moved to a larger slab. */
  #end(start: number): void {
    const at = this.#from + start;
    this.#slab.writeInt32BE(this.#at - at, at);
  }

  #value(value: Encoded): void {
    if (value === null) {
      this.#room(4);
      this.#slab.writeInt32BE(-1, this.#at);
      this.#at += 4;
      return;
    }
    this.#room(4 + value.length * 3);
    const lengthAt = this.#at;
    const length =
      typeof value === "string" ? this.#slab.write(value, lengthAt + 4, "utf8") : value.copy(this.#slab, lengthAt + 4);
    this.#slab.writeInt32BE(length, lengthAt);
    this.#at = lengthAt + 4 + length;
  }

  #string(text: string): void {
    this.#at += this.#slab.write(text, this.#at, "utf8");
    this.#slab[this.#at++] = 0;
  }

  #int16(value: number): void {
    this.#slab.writeUInt16BE(value, this.#at);
    this.#at += 2;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#slab.length) return;
    const kept = this.#at - this.#from;
    const larger = Buffer.allocUnsafe(Math.max(SLAB, (kept + size) * 2));
    this.#slab.copy(larger, 0, this.#from, this.#at);
    this.#slab = larger;
    this.#from = 0;
    this.#at = kept;
  }
}

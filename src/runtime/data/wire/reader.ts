/**
 * Takes a message of the server: its code, and the place of its body in `bytes`. The bytes must not be kept.
 * @see PostgreSQL 15 manual 55.7
 */
export type OnMessage = (code: number, bytes: Buffer, from: number, to: number) => void;

/** Cuts what the socket gives into messages. A message that comes in many pieces is put together only once. */
export class Reader {
  readonly #onMessage: OnMessage;
  #pieces: Buffer[] = [];
  #have = 0;
  #need = 0;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#have > 0) {
      this.#pieces.push(chunk);
      this.#have += chunk.length;
      if (this.#have < this.#need) return;
      bytes = Buffer.concat(this.#pieces, this.#have);
      this.#pieces = [];
      this.#have = 0;
    }
    let at = 0;
    while (at + 5 <= bytes.length) {
      const to = at + 1 + bytes.readInt32BE(at + 1);
      if (to > bytes.length) {
        this.#keep(bytes.subarray(at), to - at);
        return;
      }
      this.#onMessage(bytes[at] as number, bytes, at + 5, to);
      at = to;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at), 5);
  }

  #keep(rest: Buffer, need: number): void {
    this.#pieces = [rest];
    this.#have = rest.length;
    this.#need = need;
  }
}

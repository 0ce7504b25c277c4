import type { Socket } from "node:net";
import pg from "pg";
import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { type Call, type Exchange, isStale, LinkLost, NotReplicated, type Prepared, type Status } from "./exchange.ts";
import type { Statement } from "./statement.ts";
import { readProblem } from "./wire/problem.ts";
import { Reader } from "./wire/reader.ts";
import { readShape, type Shape } from "./wire/rows.ts";
import { Writer } from "./wire/writer.ts";

export interface LinkOptions {
  readonly address: DatabaseAddress;
  readonly user: string;
  readonly password: string;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  /** Session settings, such as `statement_timeout`; they come back when a caller's own are reset. */
  readonly settings: Readonly<Record<string, string | number>>;
}

const MAX_PREPARED = 250;
/** Command tags after which the server may no longer know what was prepared. */
const FORGETFUL = new Set(["DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"]);
const NO_COPY = "connections of Ninefold do not carry COPY";

/**
 * One connection to PostgreSQL that answers many exchanges in the order they were sent, without waiting in between.
 * node-postgres signs in and reads the types; the exchange of messages is ours, because its pipeline mode describes
 * each statement anew, sends each message apart and cannot tie two statements to one another.
 */
export class Link {
  readonly address: DatabaseAddress;
  readonly processId: number;
  /** A transaction or a caller has it for itself. */
  reserved = false;
  /** No new work; it ends when it is free. */
  retiring = false;
  /** Exchanges under way that may wait for a lock; one that waits only for the end of its commit does not. */
  waits = 0;
  /** When the server last answered, or was given work after a rest; milliseconds of `performance.now()`. */
  progressAt = 0;
  readonly #client: pg.Client;
  readonly #socket: Socket;
  readonly #writer = new Writer();
  readonly #prepared = new Map<Statement, Prepared>();
  readonly #onLost: (link: Link, cause: Error | undefined) => void;
  /** Exchanges under way begin at `#head`; those from `#unsent` on were not handed over yet. */
  #exchanges: Exchange[] = [];
  #head = 0;
  #unsent = 0;
  /** The call of the first exchange that the server answers now, and what went wrong in that exchange. */
  #call = 0;
  #error: Error | undefined;
  /** The server gave up its wait for the standbys in that exchange. */
  #unreplicated = false;
  /** All statements of that exchange are answered ahead of its commit. */
  #committing = false;
  #uses = 0;
  #ended = false;
  /** The server's last word before it closed the connection. */
  #farewell: Error | undefined;

  private constructor(
    client: pg.Client,
    address: DatabaseAddress,
    onLost: (link: Link, cause: Error | undefined) => void,
  ) {
    this.#client = client;
    this.address = address;
    this.#onLost = onLost;
    const inner = client as unknown as { connection: { stream: Socket }; processID: number };
    this.processId = inner.processID;
    this.#socket = inner.connection.stream;
    const reader = new Reader((code, bytes, from, to) => this.#message(code, bytes, from, to));
    this.#socket.removeAllListeners("data");
    this.#socket.on("data", (chunk: Buffer) => {
      this.progressAt = performance.now();
      reader.push(chunk);
    });
    client.on("error", (error) => this.#lose(error));
    client.on("end", () => this.#lose(undefined));
  }

  /** Signs in. Rejects with what the server or the network said. */
  static async open(options: LinkOptions, onLost: (link: Link, cause: Error | undefined) => void): Promise<Link> {
    const { address, user, password } = options;
    const settings = Object.entries(options.settings).map(([name, value]) => `-c ${name}=${value}`);
    const client = new pg.Client({
      ...address,
      user,
      password,
      application_name: options.applicationName,
      connectionTimeoutMillis: options.connectTimeoutMs,
      options: settings.join(" "),
      keepAlive: true,
    });
    client.on("error", () => undefined); // told by `connect` until it is done, and by the link afterwards
    await client.connect();
    return new Link(client, address, onLost);
  }

  /** Whether what it answers now has only the end of its commit to wait for. */
  get committing(): boolean {
    return this.#committing;
  }

  /** Exchanges that are not answered yet. */
  get inFlight(): number {
    return this.#exchanges.length - this.#head;
  }

  /** Adds an exchange behind those under way. It goes out with the next {@link flush}. */
  send(exchange: Exchange): void {
    if (this.#ended) {
      exchange.end(new LinkLost(this.#farewell, false), "I");
      return;
    }
    if (this.inFlight === 0) this.progressAt = performance.now();
    if (exchange.mayWait) this.waits++;
    this.#exchanges.push(exchange);
    for (const call of exchange.calls) this.#write(call);
    if (exchange.calls[0]?.statement.simple === true) return;
    if (exchange.early === true) this.#writer.flush();
    this.#writer.sync();
  }

  /** Hands all that was sent to the operating system at once. */
  flush(): void {
    if (this.#writer.empty || this.#ended) return;
    for (; this.#unsent < this.#exchanges.length; this.#unsent++) {
      const exchange = this.#exchanges[this.#unsent];
      if (exchange !== undefined) exchange.sent = true;
    }
    this.#socket.write(this.#writer.take());
  }

  /**
   * Has the server prepare statements before anybody needs them. What it refuses is prepared when it is used.
   * @throws LinkLost when the connection breaks meanwhile
   */
  async prepare(statements: readonly Statement[]): Promise<void> {
    const done = statements.map(
      (statement) =>
        new Promise<void>((resolve, reject) => {
          this.#prepare(statement);
          const end = (error: Error | undefined) => {
            if (error instanceof LinkLost) return reject(error);
            if (error !== undefined) this.forget(statement);
            resolve();
          };
          this.send({ calls: [], mayWait: false, sent: false, end });
        }),
    );
    this.flush();
    await Promise.all(done);
  }

  /** Prepares the statement anew next time: the server refused it because the schema changed, or has forgotten it. */
  forget(statement: Statement): void {
    this.#prepared.delete(statement);
  }

  /** Says goodbye; nothing may be under way. */
  close(): void {
    this.#ended = true;
    this.#client.end().catch(() => undefined);
  }

  /** Breaks the connection off, as a watchdog does. */
  destroy(reason: Error): void {
    this.#socket.destroy();
    this.#lose(reason);
  }

  #write(call: Call): void {
    const { statement, values } = call;
    const writer = this.#writer;
    if (statement.simple) {
      writer.query(statement.text);
      return;
    }
    if (statement.prepare) {
      const prepared = this.#prepared.get(statement) ?? this.#prepare(statement);
      prepared.usedAt = ++this.#uses;
      call.prepared = prepared;
      call.shape = prepared.shape;
      writer.bind(statement.name, values);
      if (!prepared.described) writer.describePortal();
    } else {
      call.prepared = undefined;
      writer.parse("", statement.text);
      writer.bind("", values);
      writer.describePortal();
    }
    writer.execute();
  }

  #prepare(statement: Statement): Prepared {
    if (this.#prepared.size >= MAX_PREPARED) {
      let oldest = statement;
      let usedAt = Number.POSITIVE_INFINITY;
      for (const [candidate, prepared] of this.#prepared) {
        if (prepared.usedAt < usedAt) [oldest, usedAt] = [candidate, prepared.usedAt];
      }
      this.#prepared.delete(oldest);
      this.#writer.closeStatement(oldest.name);
    }
    const prepared: Prepared = { described: false, shape: undefined, usedAt: 0 };
    this.#prepared.set(statement, prepared);
    this.#writer.closeStatement(statement.name); // it may be there still, if it was forgotten here
    this.#writer.parse(statement.name, statement.text);
    return prepared;
  }

  #message(code: number, bytes: Buffer, from: number, to: number): void {
    const call = this.#exchanges[this.#head]?.calls[this.#call];
    switch (code) {
      case 0x44: // DataRow
        if (call !== undefined) this.#row(call, bytes, from);
        return;
      case 0x43: // CommandComplete
        if (call === undefined) return;
        call.tag = bytes.toString("latin1", from, to - 1);
        if (FORGETFUL.has(call.tag)) this.#prepared.clear();
        if (!call.statement.simple) this.#answered();
        return;
      case 0x5a: // ReadyForQuery
        this.#ready(String.fromCharCode(bytes[from] as number) as Status);
        return;
      case 0x54: // RowDescription
        if (call !== undefined) describe(call, readShape(bytes, from));
        return;
      case 0x6e: // NoData
        if (call !== undefined) describe(call, undefined);
        return;
      case 0x49: // EmptyQueryResponse
        if (call?.statement.simple === false) this.#answered();
        return;
      case 0x45: // ErrorResponse
        this.#failed(bytes, from, to);
        return;
      case 0x4e: // NoticeResponse
        this.#unreplicated ||= isEndOfWait(readProblem(bytes, from, to).error);
        return;
      case 0x47: // CopyInResponse: what was sent behind it is ignored, the Sync as well, until the copy has ended
        this.#writer.copyFail(NO_COPY);
        if (call?.statement.simple !== true) this.#writer.sync();
        this.#socket.write(this.#writer.take());
        return;
      default: // ParseComplete, BindComplete, CloseComplete, parameters: nothing depends on them
    }
  }

  #answered(): void {
    const exchange = this.#exchanges[this.#head];
    if (++this.#call !== exchange?.calls.length || exchange.early !== true) return;
    this.#committing = true;
    if (exchange.mayWait) this.waits--;
    exchange.committing?.();
  }

  #row({ shape, lists }: Call, bytes: Buffer, from: number): void {
    if (shape === undefined) return;
    try {
      for (const list of lists) list.push(shape.read(bytes, from));
    } catch (error) {
      this.#error ??= error as Error; // a type parser of the service's own
    }
  }

  #failed(bytes: Buffer, from: number, to: number): void {
    const { error, fatal } = readProblem(bytes, from, to);
    if (fatal) {
      this.#farewell = error;
      return;
    }
    this.#error = error;
    const calls = this.#exchanges[this.#head]?.calls ?? [];
    for (const { statement, prepared } of calls.slice(this.#call)) {
      const current = this.#prepared.get(statement) === prepared;
      if (current && (prepared?.described === false || isStale(error))) this.forget(statement);
    }
  }

  #ready(status: Status): void {
    const exchange = this.#exchanges[this.#head];
    if (exchange === undefined) return;
    const error = this.#error ?? (this.#unreplicated ? new NotReplicated() : undefined);
    this.#error = undefined;
    this.#unreplicated = false;
    this.#call = 0;
    if (exchange.mayWait && !this.#committing) this.waits--;
    this.#committing = false;
    if (++this.#head === this.#exchanges.length || this.#head > 1_000) {
      this.#exchanges = this.#exchanges.slice(this.#head);
      this.#unsent -= this.#head;
      this.#head = 0;
    }
    exchange.end(error, status);
  }

  #lose(cause: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    const left = this.#exchanges.slice(this.#head);
    const reason = this.#farewell ?? cause;
    const lost = left.map((exchange, i) => {
      // After a last word nothing more was executed: of the first exchange only what had been answered, of the others nothing.
      const began = this.#farewell === undefined || (i === 0 && exchange.calls.some(({ tag }) => tag !== ""));
      return () => exchange.end(new LinkLost(reason, exchange.sent && began), "I");
    });
    this.#exchanges = [];
    this.#head = 0;
    this.#onLost(this, reason);
    for (const tell of lost.reverse()) tell(); // the oldest last, so that it is the first in the queue again
  }
}

/** Said before the commit is answered as if nothing had happened (manual 20.6.1, synchronous_commit); the text may be translated. */
function isEndOfWait({ routine }: { readonly routine?: string | undefined }): boolean {
  return routine === "SyncRepWaitForLSN";
}

function describe(call: Call, shape: Shape | undefined): void {
  call.shape = shape;
  if (call.statement.simple) for (const list of call.lists) list.length = 0;
  if (call.prepared === undefined) return;
  call.prepared.shape = shape;
  call.prepared.described = true;
}

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** One message of a client: its code (`P`arse, `B`ind, `E`xecute, `S`ync, `Q`uery ...) and what it names. */
export interface ClientMessage {
  readonly code: string;
  /** Of a Bind: the prepared statement. Of a Parse: the SQL. */
  readonly names: string;
}

/** What to do with a connection when a message comes: pass it on, cut before it, or cut once the server has had it. */
export type Verdict = "pass" | "cut-before" | "cut-after";

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  readonly messages: ClientMessage[];
  /** Times that a client spoke after the server had answered. */
  trips: number;
  judge: (message: ClientMessage) => Verdict;
  /** Passes nothing on any more, as if the host had vanished: nobody is told. */
  silence(): void;
  /** Accepts no connection, and cuts those it has. */
  down(): void;
  up(): void;
}

/** A TCP proxy before PostgreSQL that counts, and cuts connections at the message that a test names. */
export async function startTestProxy(to: { host: string; port: number }): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  let open = true;
  let vanished = false;
  const server = createServer((client) => {
    if (!open) {
      client.destroy();
      return;
    }
    if (vanished) {
      sockets.add(client.on("error", () => undefined));
      return;
    }
    const upstream = connect(to.port, to.host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let answered = false;
    let silent = false;
    upstream.on("data", (bytes: Buffer) => {
      answered = true;
      if (!silent) client.write(bytes);
    });
    const messages = messageReader();
    client.on("data", (bytes: Buffer) => {
      if (answered) proxy.trips++;
      answered = false;
      for (const { message, raw } of messages(bytes)) {
        if (message !== undefined) proxy.messages.push(message);
        const verdict = message === undefined ? "pass" : proxy.judge(message);
        if (verdict === "cut-before") {
          client.destroy();
          return;
        }
        upstream.write(raw);
        if (verdict === "cut-after") {
          // The Sync behind it still goes through, so that the server does what it was told; nobody hears of it.
          silent = true;
          upstream.end(bytes.subarray(bytes.indexOf(raw) + raw.length), () => client.destroy());
          return;
        }
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: TestProxy = {
    port: (server.address() as { port: number }).port,
    messages: [],
    trips: 0,
    judge: () => "pass",
    silence() {
      vanished = true;
      for (const socket of sockets) socket.pause();
    },
    down() {
      open = false;
      for (const socket of sockets) socket.destroy();
    },
    up() {
      open = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

/** Cuts a client's bytes into messages; the first has no code. */
function messageReader() {
  let rest = Buffer.alloc(0);
  let started = false;
  return (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    const found: { message: ClientMessage | undefined; raw: Buffer }[] = [];
    for (;;) {
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return found;
      const length = head + rest.readInt32BE(head);
      if (rest.length < length) return found;
      const raw = rest.subarray(0, length);
      rest = rest.subarray(length);
      found.push({ message: started ? describe(raw) : undefined, raw });
      started = true;
    }
  };
}

function describe(raw: Buffer): ClientMessage {
  const code = String.fromCharCode(raw[0] ?? 0);
  const text = (from: number) => raw.toString("utf8", from, raw.indexOf(0, from));
  if (code === "P") return { code, names: text(raw.indexOf(0, 5) + 1) };
  return { code, names: code === "B" ? text(6) : code === "Q" ? text(5) : "" };
}

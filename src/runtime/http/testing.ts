import { connect, type Socket } from "node:net";
import { Writable } from "node:stream";
import { pino } from "pino";
import type { InstanceConfig } from "../../topology/instance-config.ts";
import { openAssets } from "../assets/assets.ts";
import type { AssetOptions, HttpApp } from "../service.ts";
import { sessionCodec } from "../session/index.ts";
import { toHandler } from "./handler.ts";
import { createHttpServer, type HttpServer } from "./server.ts";
import { sessionCookie } from "./session-cookies.ts";
import { type Sessions, tokenSessions } from "./sessions.ts";

export interface HostOptions {
  readonly assets?: AssetOptions;
  readonly limits?: Partial<InstanceConfig["http"]>;
  readonly sessions?: Sessions;
  /** Name of the instance that it is. */
  readonly instance?: string;
  readonly stallMs?: number;
  readonly queueMs?: () => number;
  readonly logLevel?: InstanceConfig["logLevel"];
}

/** An app served in this process by the real server, for tests. */
export interface Hosted extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly server: HttpServer;
  /** Lines of the log so far, parsed. */
  readonly logged: readonly Record<string, unknown>[];
  /** Set once static files are compressed. */
  readonly warmed: Promise<void>;
}

export const testCodec = sessionCodec({ keys: ["test-key-".repeat(8)], deployment: "test" });

/** Serves `app` on a free loopback port, without control plane or database. */
export async function hostApp(app: HttpApp, options: HostOptions = {}): Promise<Hosted> {
  const logged: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const log = pino({ level: options.logLevel ?? "info" }, stream);
  const assets = options.assets === undefined ? undefined : await openAssets(options.assets, log);
  const server = createHttpServer({
    handler: await toHandler(app),
    assets,
    sessions: options.sessions ?? tokenSessions(testCodec, log, sessionCookie(options.instance ?? "dc1.app.1@1")),
    log,
    datacenter: "dc1",
    queueMs: options.queueMs ?? (() => 0),
    limits: {
      maxInFlight: 1_000,
      maxBodyBytes: 1_000_000,
      headersTimeoutMs: 5_000,
      requestTimeoutMs: 10_000,
      keepAliveMs: 5_000,
      trustedProxies: [],
      ...options.limits,
    },
    ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    server,
    logged,
    warmed: assets?.warm() ?? Promise.resolve(),
    [Symbol.asyncDispose]: async () => {
      await server.drain(0);
    },
  };
}

/** A raw connection: what was received so far, and its end. */
export interface RawConnection extends Disposable {
  readonly socket: Socket;
  received(): string;
  /** Resolves when `pattern` was received; rejects after `withinMs`, telling what was. */
  until(pattern: RegExp | ((received: string) => boolean), withinMs?: number): Promise<string>;
  readonly closed: Promise<void>;
}

/** Connects to a loopback port and sends `bytes` as they are. */
export function raw(port: number, bytes = ""): RawConnection {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  const look = new Set<() => void>();
  socket.setEncoding("latin1").on("data", (chunk) => {
    text += String(chunk);
    for (const each of look) each();
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  if (bytes !== "") socket.write(bytes, "latin1");
  return {
    socket,
    received: () => text,
    closed,
    until: (pattern, withinMs = 5_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`waited for ${pattern}, received ${text}`)), withinMs);
        const check = () => {
          if (!(pattern instanceof RegExp ? pattern.test(text) : pattern(text))) return;
          clearTimeout(timer);
          look.delete(check);
          resolve(text);
        };
        look.add(check);
        check();
      }),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

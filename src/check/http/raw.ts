import { connect, type Socket } from "node:net";

/** Called with the status and the body's text; status 0: the connection broke or was refused. */
export type RawDone = (status: number, body: string) => void;

/**
 * A keep-alive connection for measuring: it writes ready-made HTTP/1.1 requests one at a time and reads no more of the
 * answers than it must, so that the generator costs little beside the service. It connects again after a break.
 */
export interface RawConnection {
  send(request: string, done: RawDone): void;
  close(): void;
}

/** The head and body of a request, ready for {@link RawConnection.send}. */
export function encodeRequest(
  host: string,
  method: string,
  path: string,
  authorization: string | undefined,
  body: string | undefined,
): string {
  const who = authorization === undefined ? "" : `authorization: ${authorization}\r\n`;
  const what =
    body === undefined
      ? "\r\n"
      : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\naccept: application/json\r\n${who}${what}`;
}

export function createRawConnection(host: string, port: number): RawConnection {
  let socket: Socket | undefined;
  let waiting: RawDone | undefined;
  let received: Buffer = Buffer.alloc(0);

  const end = (status: number, body: string) => {
    const done = waiting;
    waiting = undefined;
    received = Buffer.alloc(0);
    done?.(status, body);
  };
  const open = (): Socket => {
    const opened = connect({ host, port, noDelay: true });
    opened.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const answer = readAnswer(received);
      if (answer === undefined) return;
      if (answer.close) {
        socket = undefined;
        opened.destroy();
      }
      end(answer.status, answer.body);
    });
    opened.on("error", () => opened.destroy());
    opened.on("close", () => {
      if (socket !== opened) return;
      socket = undefined;
      end(0, "");
    });
    return opened;
  };
  return {
    send(request, done) {
      waiting = done;
      socket ??= open();
      socket.write(request);
    },
    close() {
      const open = socket;
      socket = undefined;
      open?.destroy();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly close: boolean;
}

/** The answer if it has come whole. */
function readAnswer(bytes: Buffer): Answer | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const status = Number(head.slice(9, 12));
  const start = headEnd + 4;
  const close = /\r\nconnection: close/i.test(head);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const end = start + Number(length);
    return bytes.length < end ? undefined : { status, body: bytes.toString("utf8", start, end), close };
  }
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return { status, body: "", close };
  const parts: string[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (bytes.length < end) return undefined;
    if (size === 0) return { status, body: parts.join(""), close };
    parts.push(bytes.toString("utf8", lineEnd + 2, end - 2));
    at = end;
  }
}

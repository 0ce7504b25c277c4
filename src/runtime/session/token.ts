import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { advance, type Position } from "./position.ts";
import { newSessionId, recentSessions } from "./recent.ts";
import { type Encoder, type Known, Session } from "./session.ts";

/** Why a token was not honoured; for the log. The client then begins a new session, and may have seen anything. */
export type Refusal = "oversized" | "malformed" | "version" | "forged" | "other-deployment" | "from-the-future";

export type Decoded = (Known & { readonly id: string }) | { readonly refused: Refusal };

export interface SessionCodec extends Encoder {
  /** @param id names the session, as {@link newSessionId} does; default: a new one */
  encode(positions: Iterable<Position>, id?: string): string;
  decode(token: string): Decoded;
  /**
   * The session of a client that sent these tokens, which knows what any of them says, or a new one. They are checked when the
   * session is first needed; a refused one is reported to `onRefused`, and what its client has seen then counts as not known.
   */
  open(tokens: string | readonly string[] | undefined, onRefused?: (reason: Refusal) => void): Session;
}

export interface SessionCodecOptions {
  /** Secrets, newest first: the first signs, all verify. */
  readonly keys: readonly string[];
  /** Identity of the deployment, from the endpoints document. */
  readonly deployment: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How far another host's clock may run ahead, in milliseconds; default 60,000. */
  readonly skewMs?: number;
}

const VERSION = 3;
const HEADER = 23; // version 1, issue time 5, deployment 8, session 8, number of positions 1
const PLACE = 32; // system 8, epoch 4, timeline 4, position 8, seen 8
const MAC = 16;
const MAX_TOKEN = 1_024;

/**
 * Writes and reads session tokens: base64url of version, issue time, deployment, session, positions and 128 bits of
 * HMAC-SHA-256 over them. About 100 characters with one cluster. Tokens of an earlier version are refused, which costs
 * their clients one question to the primary and nothing else.
 */
export function sessionCodec(options: SessionCodecOptions): SessionCodec {
  const { keys, now = Date.now, skewMs = 60_000 } = options;
  if (keys.length === 0) throw new RangeError("a session codec needs at least one key");
  const [signingKey = ""] = keys;
  const deployment = createHash("sha256").update(options.deployment).digest().subarray(0, 8);
  const mac = (key: string, body: Buffer) => createHmac("sha256", key).update(body).digest().subarray(0, MAC);

  const recent = recentSessions();

  function encode(positions: Iterable<Position>, id = newSessionId()): string {
    const list = [...positions];
    const parts: Buffer[] = [header(Math.floor(now() / 1000), deployment, id, list.length)];
    for (const { cluster, system, epoch, timeline, lsn, seen = 0n } of list) {
      const name = Buffer.from(cluster);
      const fixed = Buffer.alloc(PLACE);
      fixed.writeBigUInt64BE(BigInt(system), 0);
      fixed.writeUInt32BE(epoch, 8);
      fixed.writeUInt32BE(timeline, 12);
      fixed.writeBigUInt64BE(lsn, 16);
      fixed.writeBigUInt64BE(seen, 24);
      parts.push(Buffer.of(name.length), name, fixed);
    }
    const body = Buffer.concat(parts);
    return Buffer.concat([body, mac(signingKey, body)]).toString("base64url");
  }

  function decode(token: string): Decoded {
    if (token.length > MAX_TOKEN) return { refused: "oversized" };
    const bytes = Buffer.from(token, "base64url");
    if (bytes.toString("base64url") !== token || bytes.length < HEADER + MAC) return { refused: "malformed" };
    if (bytes[0] !== VERSION) return { refused: "version" };
    const body = bytes.subarray(0, -MAC);
    const sent = bytes.subarray(-MAC);
    if (!keys.some((key) => timingSafeEqual(mac(key, body), sent))) return { refused: "forged" };
    if (!body.subarray(6, 14).equals(deployment)) return { refused: "other-deployment" };
    if (body.readUIntBE(1, 5) * 1000 > now() + skewMs) return { refused: "from-the-future" };
    const positions = readPositions(body);
    const id = body.subarray(14, 22).toString("base64url");
    return positions === undefined ? { refused: "malformed" } : { id, positions };
  }

  function open(tokens: string | readonly string[] = [], onRefused?: (reason: Refusal) => void): Session {
    const sent = typeof tokens === "string" ? [tokens] : tokens;
    if (sent.length === 0) return new Session();
    return new Session(() => {
      const known = new Map<string, Position>();
      let id: string | undefined;
      let incomplete = false;
      for (const token of sent) {
        const decoded = decode(token);
        if ("positions" in decoded) {
          id ??= decoded.id;
          for (const position of recent.with(decoded.id, decoded.positions)) advance(known, position);
        } else {
          incomplete = true;
          onRefused?.(decoded.refused);
        }
      }
      return { id, positions: [...known.values()], incomplete };
    });
  }

  return { encode, decode, open, remember: recent.add };
}

function header(seconds: number, deployment: Buffer, id: string, positions: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUIntBE(seconds, 1, 5);
  deployment.copy(bytes, 6);
  bytes.write(id, 14, "base64url");
  bytes.writeUInt8(positions, 22);
  return bytes;
}

function readPositions(body: Buffer): Position[] | undefined {
  const positions: Position[] = [];
  let at = HEADER;
  for (let left = body.readUInt8(22); left > 0; left--) {
    const length = body[at] ?? 0;
    const end = at + 1 + length + PLACE;
    if (length === 0 || end > body.length) return undefined;
    const seen = body.readBigUInt64BE(end - 8);
    positions.push({
      cluster: body.toString("utf8", at + 1, at + 1 + length),
      system: body.readBigUInt64BE(end - 32).toString(),
      epoch: body.readUInt32BE(end - 24),
      timeline: body.readUInt32BE(end - 20),
      lsn: body.readBigUInt64BE(end - 16),
      ...(seen === 0n ? {} : { seen }),
    });
    at = end;
  }
  return at === body.length ? positions : undefined;
}

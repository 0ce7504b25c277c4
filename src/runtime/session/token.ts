import { createHash, timingSafeEqual } from "node:crypto";
import { macWith } from "./mac.ts";
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
  const deployment = createHash("sha256").update(options.deployment).digest().subarray(0, 8);
  const macs = keys.map(macWith);
  const [sign] = macs as [ReturnType<typeof macWith>];

  const recent = recentSessions();

  function encode(positions: Iterable<Position>, id = newSessionId()): string {
    const list = [...positions];
    const length = list.reduce((sum, { cluster }) => sum + 1 + Buffer.byteLength(cluster) + PLACE, HEADER);
    const bytes = Buffer.allocUnsafe(length + MAC);
    writeHeader(bytes, Math.floor(now() / 1000), deployment, id, list.length);
    let at = HEADER;
    for (const position of list) at = writePosition(bytes, at, position);
    bytes.write(sign(bytes.subarray(0, length)), length, MAC, "binary");
    const token = bytes.toString("base64url");
    recent.give(id, token, list);
    return token;
  }

  function decode(token: string): Decoded {
    if (token.length > MAX_TOKEN) return { refused: "oversized" };
    const bytes = Buffer.from(token, "base64url");
    if (bytes.toString("base64url") !== token || bytes.length < HEADER + MAC) return { refused: "malformed" };
    if (bytes[0] !== VERSION) return { refused: "version" };
    const body = bytes.subarray(0, -MAC);
    const id = body.toString("base64url", 14, 22);
    const given = recent.given(id, token);
    if (given !== undefined) return { id, positions: given };
    const refused = check(body, bytes.subarray(-MAC));
    if (refused !== undefined) return { refused };
    const positions = readPositions(body);
    return positions === undefined ? { refused: "malformed" } : { id, positions };
  }

  function check(body: Buffer, mac: Buffer): Refusal | undefined {
    if (!macs.some((of) => timingSafeEqual(Buffer.from(of(body), "binary").subarray(0, MAC), mac))) return "forged";
    if (!body.subarray(6, 14).equals(deployment)) return "other-deployment";
    if (body.readUIntBE(1, 5) * 1000 > now() + skewMs) return "from-the-future";
    return undefined;
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

function writeHeader(bytes: Buffer, seconds: number, deployment: Buffer, id: string, positions: number): void {
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUIntBE(seconds, 1, 5);
  deployment.copy(bytes, 6);
  bytes.write(id, 14, "base64url");
  bytes.writeUInt8(positions, 22);
}

/** Gives where the next one begins. */
function writePosition(bytes: Buffer, at: number, position: Position): number {
  const { cluster, system, epoch, timeline, lsn, seen = 0n } = position;
  const place = at + 1 + bytes.write(cluster, at + 1);
  bytes.writeUInt8(place - at - 1, at);
  bytes.writeBigUInt64BE(BigInt(system), place);
  bytes.writeUInt32BE(epoch, place + 8);
  bytes.writeUInt32BE(timeline, place + 12);
  bytes.writeBigUInt64BE(lsn, place + 16);
  bytes.writeBigUInt64BE(seen, place + 24);
  return place + PLACE;
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

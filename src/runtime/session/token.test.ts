import fc from "fast-check";
import { expect, test } from "vitest";
import { currentSession, isAfter, type Position, parseLsn, runWithSession, Session, sessionCodec } from "./index.ts";

const KEY = "k".repeat(32);
const HOUR = 3_600_000;
const codec = sessionCodec({ keys: [KEY], deployment: "d1", now: () => HOUR });
const main: Position = { cluster: "main", system: "7418529630", epoch: 1, timeline: 1, lsn: 0x16_b374d848n };
const flip = (token: string, index: number) => {
  const bytes = Buffer.from(token, "base64url");
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes.toString("base64url");
};

/** A token of a session that goes on here. */
function given(): string {
  const session = new Session();
  session.merge(main);
  return session.encode(codec);
}

test("any positions come back as they were", () => {
  const position = fc.record({
    cluster: fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(..."abcdefghijklmnop0123456789-") }),
    system: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    epoch: fc.integer({ min: 1, max: 0xffff_ffff }),
    timeline: fc.integer({ min: 1, max: 0xffff_ffff }),
    lsn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  });
  fc.assert(
    fc.property(fc.array(position, { maxLength: 15 }), (positions) => {
      expect(codec.decode(codec.encode(positions))).toMatchObject({ positions });
    }),
  );
});

test("a token with one cluster is short", () => {
  expect(codec.encode([main]).length).toBeLessThan(104);
});

test.each([
  ["of another process", () => codec.encode([main])],
  ["that this process gave its client last", () => given()],
])("no changed byte of a token %s gets through", (_, make) => {
  const token = make();
  const length = Buffer.from(token, "base64url").length;
  for (let i = 0; i < length; i++) expect(codec.decode(flip(token, i))).toHaveProperty("refused");
});

test.each([
  ["forged", () => sessionCodec({ keys: ["x".repeat(32)], deployment: "d1", now: () => HOUR }).encode([main])],
  ["other-deployment", () => sessionCodec({ keys: [KEY], deployment: "d2", now: () => HOUR }).encode([main])],
  ["from-the-future", () => sessionCodec({ keys: [KEY], deployment: "d1", now: () => HOUR + 62_000 }).encode([main])],
  ["oversized", () => "A".repeat(2_000)],
  ["malformed", () => "not a token"],
  ["malformed", () => ""],
  ["version", () => flip(codec.encode([main]), 0)],
])("%s is refused, and the client begins a new session that may have seen anything", (reason, token) => {
  expect(codec.decode(token())).toEqual({ refused: reason });
  let told: string | undefined;
  const session = codec.open(token(), (refused) => {
    told = refused;
  });
  expect(session.positions.size).toBe(0);
  expect(session.isIncomplete("main")).toBe(true);
  expect(told).toBe(reason);
});

test("what was given last reads here as it does anywhere", () => {
  const token = given();
  expect(codec.decode(token)).toEqual(sessionCodec({ keys: [KEY], deployment: "d1", now: () => HOUR }).decode(token));
});

test("a clock that runs a little ahead is allowed", () => {
  const ahead = sessionCodec({ keys: [KEY], deployment: "d1", now: () => HOUR + 50_000 });
  expect(codec.decode(ahead.encode([main]))).toMatchObject({ positions: [main] });
});

test("a token signed with an older key is honoured", () => {
  const rotated = sessionCodec({ keys: ["n".repeat(32), KEY], deployment: "d1", now: () => HOUR });
  expect(rotated.decode(codec.encode([main]))).toMatchObject({ positions: [main] });
  expect(codec.decode(rotated.encode([main]))).toEqual({ refused: "forged" });
});

test("a session only moves forward, and is dirty when the client must be told", () => {
  const session = codec.open(codec.encode([main]));
  session.merge({ ...main, lsn: 5n });
  expect(session.dirty).toBe(false);
  session.merge({ ...main, lsn: main.lsn + 1n });
  expect(session.dirty).toBe(true);
  session.merge({ ...main, timeline: 2, lsn: 1n });
  const token = session.encode(codec);
  expect(session.dirty).toBe(false);
  expect(codec.decode(token)).toMatchObject({ positions: [{ ...main, timeline: 2, lsn: 1n }] });
});

test("the current session follows awaits and ends with its work", async () => {
  const session = new Session();
  await runWithSession(session, async () => {
    await Promise.resolve();
    expect(currentSession()).toBe(session);
  });
  expect(currentSession()).toBeUndefined();
});

test("positions are read and ordered as PostgreSQL means them", () => {
  expect(parseLsn("16/B374D848")).toBe(main.lsn);
  expect(isAfter({ ...main, timeline: 2, lsn: 0n }, main)).toBe(true);
  expect(isAfter(main, main)).toBe(false);
});

test("after a move a position of the new server replaces one of the old, whatever their numbers, and never the reverse", () => {
  const before: Position = { ...main, system: "1", epoch: 3, lsn: 900n };
  const after: Position = { ...main, system: "2", epoch: 4, lsn: 5n };
  const session = new Session();
  for (const position of [before, after, { ...before, lsn: 999n }]) session.merge(position);
  expect(session.positions.get("main")).toEqual(after);
  // Back to the first one, which an instance that has not heard of anything still knows by its first epoch.
  session.merge({ ...before, epoch: 5, lsn: 1_000n });
  session.merge({ ...before, lsn: 1_001n });
  session.merge(after);
  expect(session.positions.get("main")).toEqual({ ...before, epoch: 5, lsn: 1_001n });
});

test("two requests of one client at once: whichever cookie it keeps, its next request knows what both have seen", () => {
  const ahead = (by: bigint): Position => ({ ...main, lsn: main.lsn + by });
  const token = codec.encode([main]);
  const [one, other] = [codec.open(token), codec.open(token)];
  one.merge(ahead(10n));
  const poor = one.encode(codec);
  other.merge(ahead(20n));
  const rich = other.encode(codec);
  expect(codec.decode(poor)).toMatchObject({ positions: [ahead(10n)] });
  for (const kept of [poor, rich]) expect(codec.open(kept).positions.get("main")).toEqual(ahead(20n));

  const [early, late] = [codec.open(rich), codec.open(rich)];
  early.merge(ahead(30n));
  late.merge(ahead(40n));
  late.encode(codec);
  expect(codec.decode(early.encode(codec))).toMatchObject({ positions: [ahead(40n)] });
  expect(codec.open(codec.encode([main])).positions.get("main")).toEqual(main); // another client
});

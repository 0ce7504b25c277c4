export { type Carried, carriedBy, carryOn } from "./carried.ts";
export { currentSession, runWithSession } from "./current.ts";
export { isAfter, type Position, parseLsn } from "./position.ts";
export { Session } from "./session.ts";
export { type Decoded, type Refusal, type SessionCodec, type SessionCodecOptions, sessionCodec } from "./token.ts";

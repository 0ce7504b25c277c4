import type { Kysely } from "kysely";
import type { Jobs } from "ninefold";
import type { Database } from "../../schema.ts";
import type { Tokens } from "../token.ts";
import type { Authentication } from "./authentication.ts";

/** What the routes are made of. */
export interface Parts {
  readonly db: Kysely<Database>;
  readonly jobs: Jobs<Database>;
  readonly tokens: Tokens;
  readonly auth: Authentication;
}

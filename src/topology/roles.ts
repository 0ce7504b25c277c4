/** Owns the schema and runs migrations; never used to serve. Cannot create roles or databases. */
export const OWNER_ROLE = "ninefold_owner";

/** What the running service signs in as: reads and writes rows, owns nothing, creates nothing. */
export const SERVICE_ROLE = "ninefold_service";

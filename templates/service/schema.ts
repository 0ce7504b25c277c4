import type { Generated } from "kysely";

export interface Database {
  notes: {
    id: Generated<string>;
    text: string;
    words: number | null;
    created_at: Generated<Date>;
  };
}

import { defineService } from "ninefold";
import { buildApp } from "./app.ts";
import type { Database } from "./schema.ts";

export default defineService<Database>({
  name: "{{name}}",
  http: ({ db, jobs }) => buildApp(db, jobs),
  migrations: "./migrations",
  assets: "./public",
  // Facts about the data that Ninefold uses when the service grows; each is checked against the real schema at start.
  tables: {
    notes: { key: "id" },
  },
  jobs: {
    // The handler's `db` is one transaction: its effect is applied once, however often the job is tried.
    countWords: {
      run: async (job: { payload: { id: string } }, { db }) => {
        const note = await db.selectFrom("notes").select("text").where("id", "=", job.payload.id).executeTakeFirst();
        if (note === undefined) return;
        const words = note.text.split(/\s+/).filter(Boolean).length;
        await db.updateTable("notes").set({ words }).where("id", "=", job.payload.id).execute();
      },
    },
  },
});

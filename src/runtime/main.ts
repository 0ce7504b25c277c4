/** The process of one instance: `node main.js <instance.json>`. */
import { runInstance } from "./process.ts";

await runInstance(process.argv[2]);

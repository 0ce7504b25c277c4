/** The process of one instance: `node main.js <instance.json>`. */
import { givesWay } from "./priority.ts";

givesWay(); // before there is anything to load
const { runInstance } = await import("./process.ts");
await runInstance(process.argv[2]);

import { accessSync, constants, readFileSync } from "node:fs";
import { groupOf, processesOf } from "./cpu-group.ts";

/** Whether this user may make control groups that share out processors, for tests of what runs in them. */
export const mayMakeGroups = (() => {
  try {
    const own = groupOf("self");
    if (own === undefined) return false;
    accessSync(processesOf(own), constants.W_OK);
    return own.version === 1 || readFileSync(`${own.folder}/cgroup.controllers`, "utf8").includes("cpu ");
  } catch {
    return false;
  }
})();

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InstanceName } from "../topology/names.ts";
import { statePaths } from "./paths.ts";

/** The control plane's own instance, kept by the agent like any other. */
export const CONTROL = InstanceName.parse("dc1.control");

/** What `.ninefold/control.json` holds: where the control plane answers, and its process. */
export const ControlAddress = z.object({ url: z.url(), pid: z.int().min(1) });
export type ControlAddress = z.infer<typeof ControlAddress>;

/** Reads where the control plane answers and its token; undefined when it never ran or its process is gone. */
export async function findControl(folder: string): Promise<(ControlAddress & { token: string }) | undefined> {
  const paths = statePaths(folder);
  try {
    const address = ControlAddress.parse(JSON.parse(await readFile(paths.control, "utf8")));
    const token = (await readFile(paths.controlToken, "utf8")).trim();
    process.kill(address.pid, 0);
    return { ...address, token };
  } catch {
    return undefined;
  }
}

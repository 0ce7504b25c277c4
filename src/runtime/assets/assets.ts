import type { Logger } from "pino";
import type { Request, Response } from "../http/message.ts";
import { refuse } from "../http/refuse.ts";
import type { AssetOptions } from "../service.ts";
import { on404 } from "./fallback.ts";
import { type AssetFile, addCompressed, type Budget, prepare } from "./file.ts";
import { mayCarryHash } from "./hashed-name.ts";
import { type OtherReleases, otherReleases } from "./releases.ts";
import { scan } from "./scan.ts";
import { sendFile } from "./send.ts";

export interface Assets {
  /**
   * Answers the request if it is for a static file. False: it is the app's. A promise: a name that may belong to another
   * release is being looked up.
   */
  serve(request: Request, response: Response): boolean | Promise<boolean>;
  /** Hashes and compresses all files, smallest first. Serving does not wait for it. */
  warm(): Promise<void>;
}

const MEMORY = 64 * 1_024 * 1_024;

/** Reads the list of files under `options.folder` (absolute). Throws the system's error when the folder cannot be read. */
export async function openAssets(options: AssetOptions, log: Logger): Promise<Assets> {
  const files = await scan(options.folder);
  const elsewhere: OtherReleases | undefined = otherReleases(options.folder);
  const budget: Budget = { left: MEMORY };
  const prefixes = options.appPrefixes ?? [];
  const fallback = options.fallback === undefined ? undefined : files.get(`/${options.fallback.replace(/^\.?\//, "")}`);

  const send = (file: AssetFile, request: Request, response: Response) => {
    const failed = (error: unknown) => {
      if (response.destroyed) return;
      log.error({ err: error, file: file.path, requestId: response.requestId }, "a static file could not be sent");
      if (response.headersSent) response.destroy();
      else refuse(request, response, 500, "internal-error", "The service failed to answer this request.");
    };
    if (file.content !== undefined) void sendFile(file, request, response).catch(failed);
    else
      prepare(file, budget)
        .then(() => sendFile(file, request, response))
        .catch(failed);
  };

  /** The app's; and should it be a page that the app does not know, the fallback's. */
  const page = (request: Request, response: Response): false => {
    if (fallback !== undefined && request.headers.accept?.includes("text/html") === true)
      on404(response, () => send(fallback, request, response));
    return false;
  };

  return {
    serve(request, response) {
      const path = pathOf(request.url ?? "/");
      if (path === undefined || prefixes.some((prefix) => isUnder(path, prefix))) return false;
      const reads = request.method === "GET" || request.method === "HEAD";
      const file = files.get(path);
      if (file !== undefined && !reads) {
        refuse(request, response, 405, "method-not-allowed", "A static file can only be read.", { allow: "GET, HEAD" });
        return true;
      }
      if (!reads) return false;
      const found = file ?? (path.endsWith("/") ? files.get(`${path}index.html`) : undefined);
      if (found !== undefined) {
        send(found, request, response);
        return true;
      }
      if (elsewhere === undefined || !mayCarryHash(path)) return page(request, response);
      return elsewhere(path).then((other) => {
        if (other === undefined) return page(request, response);
        files.set(path, other);
        send(other, request, response);
        return true;
      });
    },
    async warm() {
      const smallestFirst = [...files.values()].sort((a, b) => a.size - b.size);
      for (const file of smallestFirst) {
        try {
          await addCompressed(file, budget);
        } catch (error) {
          log.warn({ err: error, file: file.path }, "a static file could not be prepared");
        }
      }
    },
  };
}

/** The decoded path of a request's target; undefined when it cannot be decoded, which is then the app's to answer. */
function pathOf(url: string): string | undefined {
  const end = url.search(/[?#]/);
  const path = end < 0 ? url : url.slice(0, end);
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function isUnder(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
}

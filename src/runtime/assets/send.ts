import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Request, Response } from "../http/message.ts";
import { refuse } from "../http/refuse.ts";
import { precondition, requestedRange } from "./conditional.ts";
import { accepted } from "./encoding.ts";
import type { AssetFile, Variant } from "./file.ts";

const FOR_GOOD = "public, max-age=31536000, immutable";

/** Answers a GET or HEAD with a prepared file. */
export async function sendFile(file: AssetFile, request: Request, response: Response): Promise<void> {
  const { content } = file;
  const plain = content?.variants.get(undefined);
  if (content === undefined || plain === undefined) throw new Error(`${file.path} was not prepared`);

  const ranged = request.headers.range !== undefined;
  let variant: Variant = plain;
  // A range is of the file as it is: players and download tools count its own bytes.
  if (file.compressible && !ranged)
    for (const encoding of accepted(request.headers).toReversed()) variant = content.variants.get(encoding) ?? variant;

  const validators = { etag: variant.etag, modifiedMs: file.modifiedMs };
  const headers: Record<string, string> = {
    "cache-control": file.hashedName || namesHash(request.url ?? "", content.hash) ? FOR_GOOD : "no-cache",
    etag: variant.etag,
    "last-modified": new Date(file.modifiedMs).toUTCString(),
    "x-content-type-options": "nosniff",
  };
  if (file.compressible) headers.vary = "Accept-Encoding";

  const verdict = precondition(request.headers, validators);
  if (verdict === 304) {
    response.writeHead(304, headers).end();
    return;
  }
  if (verdict === 412) {
    refuse(request, response, 412, "precondition-failed", "The file is not as the request expects it.");
    return;
  }

  headers["content-type"] = file.type;
  headers["accept-ranges"] = "bytes";
  if (variant.encoding !== undefined) headers["content-encoding"] = variant.encoding;
  const range = ranged && request.method === "GET" ? requestedRange(request.headers, file.size, validators) : undefined;
  if (range === "unsatisfiable") {
    refuse(request, response, 416, "range-not-satisfiable", `The file has ${file.size} bytes.`, {
      "content-range": `bytes */${file.size}`,
    });
    return;
  }
  const { start, end } = range ?? { start: 0, end: variant.size - 1 };
  headers["content-length"] = String(end - start + 1);
  if (range !== undefined) headers["content-range"] = `bytes ${start}-${end}/${file.size}`;
  const status = range === undefined ? 200 : 206;

  if (request.method === "HEAD") response.writeHead(status, headers).end();
  else if (variant.body !== undefined) {
    response.writeHead(status, headers);
    response.end(range === undefined ? variant.body : variant.body.subarray(start, end + 1));
  } else await stream(file, start, end, () => response.writeHead(status, headers));
}

/** Opens the file before the head is sent, so that a file that is gone or was changed can still be answered as an error. */
async function stream(file: AssetFile, start: number, end: number, head: () => Response): Promise<void> {
  const handle = await open(file.path);
  try {
    const { size } = await handle.stat();
    if (size !== file.size) throw new Error(`${file.path} was changed while its release was running`);
    const response = head();
    if (size === 0) response.end();
    else await pipeline(handle.createReadStream({ start, end, autoClose: false }), response);
  } finally {
    await handle.close();
  }
}

/** `?v=` with at least 8 characters of the content's hash: the page asks for this very content. */
function namesHash(url: string, hash: string): boolean {
  const at = url.indexOf("?v=");
  if (at < 0) return false;
  const asked = url.slice(at + 3).split("&", 1)[0] ?? "";
  return asked.length >= 8 && hash.startsWith(asked);
}

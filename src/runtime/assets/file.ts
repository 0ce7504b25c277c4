import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import send from "@fastify/send";
import { compress, type Encoding, isCompressible } from "./encoding.ts";
import { carriesHash } from "./hashed-name.ts";

/** Bytes that may still be kept in memory for all files together. */
export interface Budget {
  left: number;
}

/** One form of a file's content: as it is, or compressed. */
export interface Variant {
  readonly encoding: Encoding | undefined;
  readonly etag: string;
  readonly size: number;
  /** Undefined when the content is read from disk for each answer. */
  readonly body: Buffer | undefined;
}

/** A static file of a release. Releases never change, so neither does it. */
export interface AssetFile {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly hashedName: boolean;
  readonly compressible: boolean;
  /** Hash of the content, and the variants there are; set by {@link prepare}. */
  content: { readonly hash: string; readonly variants: Map<Encoding | undefined, Variant> } | undefined;
  preparing: Promise<void> | undefined;
}

const IN_MEMORY = 1_024 * 1_024;

export async function openFile(path: string): Promise<AssetFile> {
  const { size, mtimeMs } = await stat(path);
  const name = basename(path);
  const known = send.mime.getType(name) ?? "application/octet-stream";
  // RFC 9239: `application/javascript` is obsolete.
  const mime = known === "application/javascript" ? "text/javascript" : known;
  const type = send.isUtf8MimeType(mime) ? `${mime}; charset=utf-8` : mime;
  return {
    path,
    type,
    size,
    modifiedMs: mtimeMs,
    hashedName: carriesHash(name),
    compressible: isCompressible(mime, size),
    content: undefined,
    preparing: undefined,
  };
}

/** Reads the file once for its hash and keeps it in memory when it is small; does nothing the second time. */
export function prepare(file: AssetFile, budget: Budget): Promise<void> {
  file.preparing ??= read(file, budget).catch((error: unknown) => {
    file.preparing = undefined;
    throw error;
  });
  return file.preparing;
}

async function read(file: AssetFile, budget: Budget): Promise<void> {
  const hash = createHash("sha256");
  let body: Buffer | undefined;
  if (file.size <= IN_MEMORY && take(budget, file.size)) {
    body = await readFile(file.path);
    hash.update(body);
  } else {
    for await (const chunk of createReadStream(file.path)) hash.update(chunk);
  }
  const digest = hash.digest("base64url").slice(0, 22);
  const plain: Variant = { encoding: undefined, etag: `"${digest}"`, size: file.size, body };
  file.content = { hash: digest, variants: new Map([[undefined, plain]]) };
}

/** Adds the compressed variants, where they are at least a tenth smaller and there is memory for them. */
export async function addCompressed(file: AssetFile, budget: Budget): Promise<void> {
  await prepare(file, budget);
  const { content } = file;
  if (content === undefined || !file.compressible) return;
  const plain = content.variants.get(undefined)?.body ?? (await readFile(file.path));
  for (const encoding of ["br", "gzip"] as const) {
    const body = await compress(encoding, plain);
    if (body.length > plain.length * 0.9 || !take(budget, body.length)) continue;
    content.variants.set(encoding, { encoding, etag: `"${content.hash}-${encoding}"`, size: body.length, body });
  }
}

function take(budget: Budget, bytes: number): boolean {
  if (bytes > budget.left) return false;
  budget.left -= bytes;
  return true;
}

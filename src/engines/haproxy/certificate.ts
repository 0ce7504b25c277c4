import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../../machine/machine.ts";
import type { Placed } from "../engine.ts";
import { command, facts } from "./admin.ts";
import { BadCertificate, BalancerFailed } from "./problem.ts";
import { adminSocket } from "./sockets.ts";
import type { HaproxySpec } from "./spec.ts";

/** Certificate, those that vouch for it, and key, in one file as HAProxy reads it. */
export function certificateFile(folder: string): string {
  return join(folder, "certificate.pem");
}

/**
 * Writes the certificate and key of `spec.tls` where HAProxy reads them; nothing without `tls`. A running HAProxy takes them
 * at the next `change`, without a reload.
 * @throws BadCertificate when a file cannot be read, the key is another's, or the certificate has expired
 */
export async function writeCertificate(machine: Machine, { name, spec }: Placed<HaproxySpec>): Promise<void> {
  if (spec.tls === undefined) return;
  const [certificate, key] = [await read(spec.tls.certificate), await read(spec.tls.key)];
  const own = parse(spec.tls.certificate, certificate);
  if (Date.parse(own.validTo) < Date.now()) {
    throw new BadCertificate(spec.tls.certificate, `expired on ${own.validTo}`, "Give a new one");
  }
  if (!isPair(own, key)) {
    throw new BadCertificate(spec.tls.key, "is not the key of the certificate", "Give the key that it was made with");
  }
  // Without blank lines, since one of these ends what is sent to the admin socket.
  const pem = `${certificate}\n${key}`.replace(/\r?\n(\s*\n)*/g, "\n");
  await machine.write(name, new Map([["certificate.pem", pem]]), "engine");
}

export function isPair(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Makes a running HAProxy use the certificate that is in its folder. */
export async function useCertificate(instance: Placed<HaproxySpec>): Promise<void> {
  if (instance.spec.tls === undefined) return;
  const path = certificateFile(instance.folder);
  const run = (text: string) => command(adminSocket(instance), text);
  const pem = await read(path);
  const used = facts(await run(`show ssl cert ${path}`)).get("SHA1 FingerPrint");
  if (used === parse(path, pem).fingerprint.replaceAll(":", "")) return;
  const answers = [await run(`set ssl cert ${path} <<\n${pem}\n`), await run(`commit ssl cert ${path}`)];
  if (answers[1]?.includes("Success")) return;
  throw new BalancerFailed(`${instance.name}: certificate`, `HAProxy answered: ${answers.join(" ")}`);
}

async function read(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new BadCertificate(path, `cannot be read: ${cause.message}`, "Give the path of a PEM file", { cause });
  });
}

function parse(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new BadCertificate(path, "is not a certificate", "Give a PEM file", { cause });
  }
}

import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isPair } from "./certificate.ts";
import { BadCertificate } from "./problem.ts";

/** Certificate and key of a server, and the authority that a browser must trust for it. Absolute paths of PEM files. */
export interface LocalCertificate {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
/** Browsers refuse certificates of more than 398 days; ours are made anew long before. */
const VALID_DAYS = 90;
const RENEW_DAYS = 30;

/**
 * A certificate for use on this machine, by an authority of this deployment alone, whose key never leaves the folder. Makes
 * what is missing, what ends within 30 days, and what is not for these names; safe to run again at any time.
 * @param folder of the files, for this user's eyes only; made if it is not there
 * @param names host names and IP addresses that the certificate is for; at least one
 * @throws BadCertificate when a name is not one, or `openssl` fails
 */
export async function localCertificate(folder: string, names: readonly string[]): Promise<LocalCertificate> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const paths = {
    authority: join(folder, "authority.pem"),
    certificate: join(folder, "server.pem"),
    key: join(folder, "server.key"),
  };
  const authorityKey = join(folder, "authority.key");
  const alternatives = subjectAlternatives(folder, names);
  const work = await mkdtemp(join(folder, "new-"));
  try {
    const config = join(work, "openssl.cnf");
    await writeFile(config, opensslConfig(alternatives));
    const make = async (section: string, subject: string, days: number, to: [string, string], by: string[] = []) => {
      const [key, pem] = [join(work, "key"), join(work, "pem")];
      await openssl(folder, ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
      const request = ["req", "-x509", "-new", "-sha256", "-config", config, "-extensions", section, "-key", key];
      await openssl(folder, [...request, "-subj", `/CN=${subject}`, "-days", String(days), "-out", pem, ...by]);
      // Killed between the two, the pair does not fit and is made anew.
      await rename(key, to[0]);
      await rename(pem, to[1]);
    };
    if (!(await isCurrent(paths.authority, authorityKey, () => true))) {
      await make("authority", `Ninefold on ${hostname().slice(0, 40)}`, 3_650, [authorityKey, paths.authority]);
    }
    const authority = new X509Certificate(await readFile(paths.authority));
    const fits = (own: X509Certificate) => own.verify(authority.publicKey) && sameNames(own, names);
    if (!(await isCurrent(paths.certificate, paths.key, fits))) {
      const by = ["-CA", paths.authority, "-CAkey", authorityKey];
      await make("server", "Ninefold", VALID_DAYS, [paths.key, paths.certificate], by);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return paths;
}

async function isCurrent(pem: string, key: string, fits: (own: X509Certificate) => boolean): Promise<boolean> {
  try {
    const own = new X509Certificate(await readFile(pem));
    const until = Date.parse(own.validTo) - Date.now();
    return until > RENEW_DAYS * DAY_MS && isPair(own, await readFile(key, "utf8")) && fits(own);
  } catch {
    return false; // not there, or not what it should be
  }
}

function sameNames(own: X509Certificate, names: readonly string[]): boolean {
  const its = (own.subjectAltName ?? "").split(", ").length;
  const covers = (name: string) => (isIP(name) ? own.checkIP(name) : own.checkHost(name)) !== undefined;
  return its === new Set(names).size && names.every(covers);
}

function subjectAlternatives(folder: string, names: readonly string[]): string {
  const bad = names.find((name) => !isIP(name) && !/^(\*\.)?[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/i.test(name));
  if (bad === undefined && names.length > 0) {
    return [...new Set(names)].map((name) => `${isIP(name) ? "IP" : "DNS"}:${name}`).join(", ");
  }
  const says = bad === undefined ? "it needs a name" : `\`${bad}\` is neither a host name nor an IP address`;
  throw new BadCertificate(folder, says, "Give names such as `localhost` or `127.0.0.1`");
}

function opensslConfig(alternatives: string): string {
  return `[req]
prompt = no
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${alternatives}
authorityKeyIdentifier = keyid
`;
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)("openssl", args);
  } catch (cause) {
    const { code, stderr } = cause as { code?: string; stderr?: string };
    const missing = code === "ENOENT";
    throw new BadCertificate(
      folder,
      missing ? "the program `openssl` is not installed" : `openssl failed: ${stderr?.trim()}`,
      missing ? "Install it (`apt-get install openssl`)" : "See whether the folder can be written",
      { cause },
    );
  }
}

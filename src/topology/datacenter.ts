import { z } from "zod";

/** Lower-case letters, digits and dashes, beginning with a letter, 1 to 20 characters: part of every instance's name. */
const Name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, "use 1 to 20 lower-case letters, digits and dashes, beginning with a letter");

const Host = z.strictObject({
  /** IPv4 address that engines on this host listen on; `local` hosts get a loopback address of their own (see address.ts). */
  address: z.ipv4().optional(),
  /** Account that the machine kind `ssh` signs in with. */
  user: z.string().min(1).optional(),
});

const Datacenter = z.strictObject({
  /** `local`: processes of this machine on loopback addresses. `ssh`: systemd on Debian hosts. */
  machine: z.enum(["local", "ssh"]).default("local"),
  /** Hosts by name, in the order in which tiers are placed on them; left out, `local` makes as many as it needs. */
  hosts: z.record(Name, Host).optional(),
  /** Where it stands, for nearest-data-centre answers (rung 7): degrees, north and east positive. */
  location: z
    .strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
    .optional(),
});

/** Data centres by name, at most 8; the first one holds the primaries unless a database says otherwise. */
export const Datacenters = z.record(Name, Datacenter);

import { connectionBudget } from "./connections.ts";
import type { Problem } from "./problem.ts";
import type { Topology } from "./topology.ts";

/** Rules between the parts of a topology, each with its own words; empty when all hold. */
export function checkRules(topology: Topology): Problem[] {
  return [...databaseRules(topology), ...centerRules(topology), ...frontRules(topology), ...budgetRules(topology)];
}

function databaseRules({ databases, datacenters }: Topology): Problem[] {
  const problems: Problem[] = [];
  if (databases.main === undefined) {
    problems.push({ at: "databases", says: "there is no `main` database", fix: "name one of them `main`" });
  }
  const owners = new Map<string, string>();
  for (const [name, database] of Object.entries(databases)) {
    const at = `databases.${name}`;
    for (const [key, needs] of [
      ["replicas", database.replicas > 0],
      ["shards", database.shards > 1],
      ["size", database.size !== undefined],
      ["synchronous", (database.synchronous ?? "off") !== "off"],
    ] as const) {
      if (needs && database.host !== "own") {
        const fix = `add \`host: own\` to ${at}, or remove \`${key}\``;
        problems.push({
          at: `${at}.${key}`,
          says: `\`${key}\` needs the database on hosts of its own (rung 2 and above)`,
          fix,
        });
      }
    }
    for (const [key, needs, says] of [
      ["synchronous", (database.synchronous ?? "off") === "local", "no standby exists that a commit could wait for"],
      ["lagMs", database.lagMs > 0, "no standby exists that could be held behind"],
    ] as const) {
      if (needs && database.replicas === 0)
        problems.push({ at: `${at}.${key}`, says, fix: `set \`replicas\` to 1 or more, or remove \`${key}\`` });
    }
    if (database.synchronous === "remote" && Object.keys(datacenters).length < 2) {
      problems.push({
        at: `${at}.synchronous`,
        says: "there is no other data centre",
        fix: "use `local`, or add a data centre",
      });
    }
    if (database.primary !== undefined && datacenters[database.primary] === undefined) {
      const fix = `use one of ${Object.keys(datacenters).join(", ")}`;
      problems.push({ at: `${at}.primary`, says: `there is no data centre \`${database.primary}\``, fix });
    }
    if (name === "main" && database.tables !== undefined) {
      problems.push({
        at: `${at}.tables`,
        says: "`main` holds every table that no other database lists",
        fix: "remove `tables` here",
      });
    }
    if (name !== "main" && database.tables === undefined) {
      problems.push({
        at: `${at}.tables`,
        says: "a second database needs the tables that move there",
        fix: "list them in `tables`",
      });
    }
    for (const table of name === "main" ? [] : (database.tables ?? [])) {
      const other = owners.get(table);
      if (other !== undefined)
        problems.push({
          at: `${at}.tables`,
          says: `\`${table}\` is already in databases.${other}`,
          fix: "list each table once",
        });
      owners.set(table, name);
    }
  }
  return problems;
}

function centerRules({ datacenters, balancer }: Topology): Problem[] {
  const problems: Problem[] = [];
  const names = Object.keys(datacenters);
  if (names.length === 0)
    problems.push({ at: "datacenters", says: "there is none", fix: "add one, such as `dc1: {}`" });
  if (names.length > 8)
    problems.push({ at: "datacenters", says: `${names.length} are too many`, fix: "use 8 or fewer" });
  if (names.length > 1 && balancer === undefined) {
    problems.push({
      at: "datacenters",
      says: "several data centres need a load balancer as their entry",
      fix: "add `balancer: {}`",
    });
  }
  const taken = new Map<string, string>();
  for (const [name, center] of Object.entries(datacenters)) {
    if (center.machine === "ssh" && Object.keys(center.hosts ?? {}).length === 0) {
      problems.push({
        at: `datacenters.${name}.hosts`,
        says: "`machine: ssh` needs hosts",
        fix: "list hosts with their addresses",
      });
    }
    for (const [host, { address }] of Object.entries(center.hosts ?? {})) {
      const at = `datacenters.${name}.hosts.${host}.address`;
      if (address === undefined && center.machine === "ssh")
        problems.push({ at, says: "an `ssh` host needs its address", fix: "add `address`" });
      const other = address === undefined ? undefined : taken.get(address);
      if (other !== undefined)
        problems.push({ at, says: `${address} is already ${other}`, fix: "give each host an address of its own" });
      if (address !== undefined) taken.set(address, `${name}.${host}`);
    }
  }
  return problems;
}

function frontRules({ edge, balancer, public: address }: Topology): Problem[] {
  const problems: Problem[] = [];
  if (edge !== undefined && balancer === undefined) {
    problems.push({ at: "edge", says: "edges stand behind a load balancer", fix: "add `balancer: {}`" });
  }
  if (address.tls !== undefined && balancer === undefined) {
    problems.push({
      at: "public.tls",
      says: "HTTPS is served by the load balancer",
      fix: "add `balancer: {}`, or remove `tls`",
    });
  }
  return problems;
}

function budgetRules(topology: Topology): Problem[] {
  const main = topology.databases.main;
  const { max, reserved, peak, fix } = connectionBudget(topology);
  if (main === undefined || peak <= max - reserved) return [];
  const says = `the pools may take ${peak} connections during a rolling change, and ${max - reserved} of ${max} are free for them`;
  return [{ at: "databases.main.maxConnections", says, fix }];
}

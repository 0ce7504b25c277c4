import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loopbackAddress } from "./address.ts";
import { arbitraryTopology } from "./arbitrary.ts";
import { connectionBudget, RESERVED_CONNECTIONS } from "./connections.ts";
import { applyDiff, diff } from "./diff.ts";
import { InstanceName } from "./names.ts";
import { checkTopology, parseTopology, TopologyError } from "./parse.ts";
import { instanceAddress, serverPort } from "./placement.ts";
import { NotBuilt, presetForRung, RUNGS, requireBuilt, rungOf } from "./rung.ts";
import { topologyTemplate } from "./template.ts";
import { Topology } from "./topology.ts";
import { editTopology, readTopology, writeTopology } from "./yaml.ts";

const examples = new URL("./examples/", import.meta.url);

describe("schema", () => {
  test("an empty document is rung 1", () => {
    expect(rungOf(parseTopology(undefined))).toBe(1);
    expect(rungOf(parseTopology({}))).toBe(1);
  });

  test("every section's commented example is accepted, and shows every key", () => {
    const shown = new Set<string>();
    for (const file of readdirSync(examples)) {
      const { document } = readTopology(readFileSync(new URL(file, examples), "utf8"), file);
      const value: Record<string, Record<string, unknown>> = document.toJS();
      for (const [section, keys] of Object.entries(value))
        for (const key of Object.keys(keys)) shown.add(`${section}.${key}`);
    }
    for (const section of ["app", "workers", "balancer", "cache", "edge", "broker"] as const) {
      const schema = Topology.shape[section];
      const object = "innerType" in schema.def ? schema.def.innerType : schema;
      for (const key of Object.keys((object as { shape: object }).shape)) expect(shown).toContain(`${section}.${key}`);
    }
  });

  test("the template of `init` is rung 1", () => {
    expect(rungOf(readTopology(topologyTemplate({ port: 9000 })).topology)).toBe(1);
  });

  test.each<[string, unknown, { at: string; says?: RegExp; fix?: RegExp }]>([
    [
      "misspelt key",
      { app: { sevrers: 2 } },
      { at: "app.sevrers", says: /unknown key/, fix: /did you mean `servers`/ },
    ],
    ["misspelt section", { databses: {} }, { at: "databses", fix: /`databases`/ }],
    [
      "misspelt key in a record",
      { databases: { main: { replica: 1 } } },
      { at: "databases.main.replica", fix: /`replicas`/ },
    ],
    ["unlike any key", { zzzz: 1 }, { at: "zzzz", fix: /known here: version, public/ }],
    ["wrong type", { app: { servers: "two" } }, { at: "app.servers", says: /found "two"/ }],
    ["too small", { app: { servers: 0 } }, { at: "app.servers", fix: /1 or more/ }],
    ["too large", { public: { port: 70_000 } }, { at: "public.port", fix: /65535 or less/ }],
    ["not whole", { app: { servers: 1.5 } }, { at: "app.servers" }],
    ["version of the future", { version: 2 }, { at: "version", fix: /`1`/ }],
    ["not a mapping", [1, 2], { at: "topology" }],
    ["bad data centre name", { datacenters: { DC1: {} } }, { at: "datacenters.DC1" }],
    ["no data centre", { datacenters: {} }, { at: "datacenters" }],
    ["no main", { databases: { other: { tables: ["a"] } } }, { at: "databases", says: /`main`/ }],
    [
      "replicas on a shared host",
      { databases: { main: { replicas: 2 } } },
      { at: "databases.main.replicas", fix: /host: own/ },
    ],
    ["shards on a shared host", { databases: { main: { shards: 2 } } }, { at: "databases.main.shards" }],
    [
      "synchronous without standby",
      { databases: { main: { host: "own", synchronous: "local" } } },
      { at: "databases.main.synchronous" },
    ],
    [
      "a standby held behind where there is none",
      { databases: { main: { host: "own", lagMs: 2_000 } } },
      { at: "databases.main.lagMs", fix: /`replicas`/ },
    ],
    [
      "a primary that is replaced at once",
      { databases: { main: { failover: { ttlSeconds: 4 } } } },
      { at: "databases.main.failover.ttlSeconds", fix: /5 or more/ },
    ],
    ["edges without balancer", { edge: {} }, { at: "edge", fix: /balancer/ }],
    ["two centres without balancer", { datacenters: { a: {}, b: {} } }, { at: "datacenters", fix: /balancer/ }],
    ["even brokers", { broker: { servers: 2 } }, { at: "broker.servers", says: /odd/ }],
    [
      "a table in two databases",
      { databases: { main: {}, a: { tables: ["t"] }, b: { tables: ["t"] } } },
      { at: "databases.b.tables", says: /already in databases.a/ },
    ],
    [
      "too many connections",
      { app: { servers: 9, connections: 10 } },
      { at: "databases.main.maxConnections", fix: /lower `app.connections` to 9/ },
    ],
    ["ssh without hosts", { datacenters: { dc1: { machine: "ssh" } } }, { at: "datacenters.dc1.hosts" }],
    ["prototype keys", JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}'), { at: "constructor" }],
  ])("refuses %s and says where and what to do", (_, document, wanted) => {
    const parsed = checkTopology(document);
    if (parsed.ok) throw new Error("was accepted");
    const problem = parsed.problems.find(({ at }) => at === wanted.at);
    expect(problem, JSON.stringify(parsed.problems)).toBeDefined();
    if (wanted.says) expect(problem?.says).toMatch(wanted.says);
    if (wanted.fix) expect(problem?.fix).toMatch(wanted.fix);
  });

  test("never throws anything but a TopologyError, whatever the document", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (document) => {
        try {
          parseTopology(document);
        } catch (error) {
          expect(error).toBeInstanceOf(TopologyError);
        }
      }),
    );
  });
});

describe("rungs", () => {
  test.each(RUNGS)("the preset of rung %i is at that rung and keeps all rules", (rung) => {
    const preset = presetForRung(rung);
    expect(rungOf(preset)).toBe(rung);
    expect(checkTopology(preset)).toMatchObject({ ok: true });
  });

  test("a preset made from another topology is at the rung asked for, and making it again changes nothing", () => {
    fc.assert(
      fc.property(arbitraryTopology, fc.constantFrom(...RUNGS), (base, rung) => {
        const preset = presetForRung(rung, base);
        expect(rungOf(preset)).toBe(rung);
        expect(presetForRung(rung, preset)).toEqual(preset);
      }),
    );
  });

  test("eight app servers fit at every rung that is built, as they are by default", () => {
    for (const rung of RUNGS.slice(0, 4)) {
      const { max, reserved, peak } = connectionBudget(presetForRung(rung, { app: { servers: 8 } }));
      expect(peak).toBeLessThanOrEqual(max - reserved);
    }
  });

  test("rungs that are not built are refused by name", () => {
    for (const rung of RUNGS.slice(0, 4)) expect(() => requireBuilt(presetForRung(rung))).not.toThrow();
    for (const rung of RUNGS.slice(4)) {
      expect(() => requireBuilt(presetForRung(rung))).toThrow(NotBuilt);
      expect(() => requireBuilt(presetForRung(rung))).toThrow(new RegExp(`rung ${rung} `));
    }
  });
});

describe("diff", () => {
  test("applied to the first gives the second, over all rungs, and nothing when they are equal", () => {
    const some = fc.option(arbitraryTopology, { nil: undefined });
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(applyDiff(a, diff(a, b))).toEqual(b);
        expect(diff(a, a)).toEqual([]);
      }),
    );
  });

  test("names the deepest path that differs", () => {
    const a = presetForRung(1);
    expect(diff(a, { ...a, app: { ...a.app, servers: 3 } })).toEqual([{ at: ["app", "servers"], from: 1, to: 3 }]);
  });
});

describe("addresses", () => {
  test("each host of each data centre has a loopback address of its own", () => {
    expect(loopbackAddress(1, 0, 2)).toBe("127.1.0.2");
    for (const [d, n, h] of [
      [0, 0, 1],
      [1, 0, 0],
      [1, -1, 1],
      [255, 0, 1],
      [1, 0, 1.5],
    ] as const) {
      expect(() => loopbackAddress(d, n, h)).toThrow(RangeError);
    }
  });

  test("each instance has a host of its own", () => {
    const names = [
      ...[1, 2, 8].map((n) => `dc1.balancer.${n}`),
      ...[1, 2, 64].map((n) => `dc1.app.${n}`),
      ...[1, 3, 5].map((n) => `dc1.etcd.${n}`),
      ...["dc1.db.1", "dc1.db.9", "dc1.db-2.1", "dc1.db-15.9", "dc2.db.1"],
    ];
    const addresses = names.map((name) => instanceAddress(["dc1", "dc2"], 7, InstanceName.parse(name)));
    expect(new Set(addresses).size).toBe(names.length);
    expect(instanceAddress(["dc1", "dc2"], 7, InstanceName.parse("dc2.app.3@4"))).toBe("127.2.7.13");
    expect(() => instanceAddress(["dc1"], 0, InstanceName.parse("dc1.worker.1"))).toThrow(RangeError);
    expect(() => instanceAddress(["dc1"], 0, InstanceName.parse("dc9.app.1"))).toThrow(RangeError);
  });

  test("the old and the new server of a host have ports of their own", () => {
    const port = (name: string) => serverPort(InstanceName.parse(name));
    expect(port("dc1.app.1@3")).not.toBe(port("dc1.app.1@5"));
  });
});

describe("connections", () => {
  test("old and new instances together stay under the limit for every topology that is accepted", () => {
    fc.assert(
      fc.property(arbitraryTopology, (topology) => {
        const { max, peak, pools } = connectionBudget(topology);
        expect(pools).toBeLessThanOrEqual(peak);
        expect(peak + RESERVED_CONNECTIONS).toBeLessThanOrEqual(max);
      }),
    );
  });
});

describe("yaml", () => {
  test("is read back as it was written", () => {
    fc.assert(
      fc.property(arbitraryTopology, (topology) => {
        expect(readTopology(writeTopology(topology)).topology).toEqual(topology);
      }),
      { numRuns: 50 },
    );
  });

  test("an edit keeps comments and order", () => {
    const read = readTopology("# mine\npublic:\n  port: 9000 # the port\napp: { servers: 1 }\n");
    expect(editTopology(read, [{ at: ["app", "servers"], to: 3 }])).toBe(
      "# mine\npublic:\n  port: 9000 # the port\napp: { servers: 3 }\n",
    );
  });

  test.each([
    ["a problem", "public:\n  port: 8080\napp:\n  servers: 0\n", /t\.yaml:4:3 app\.servers/],
    ["an unknown key", "app:\n  sevrers: 2\n", /t\.yaml:2:3 app\.sevrers.*did you mean `servers`/],
    ["broken YAML", "public:\n  port: [8080\napp: 1\n", /t\.yaml:\d+:\d+/],
    ["a key twice", "app: {}\napp: {}\n", /t\.yaml:2:1/],
    [
      "an alias bomb",
      `a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b]\n`,
      /alias/i,
    ],
  ])("%s is told with its line and column", (_, text, wanted) => {
    expect(() => readTopology(text, "t.yaml")).toThrow(TopologyError);
    expect(() => readTopology(text, "t.yaml")).toThrow(wanted);
  });

  test("an empty file is rung 1", () => {
    expect(rungOf(readTopology("").topology)).toBe(1);
    expect(rungOf(readTopology("# nothing\n").topology)).toBe(1);
  });
});

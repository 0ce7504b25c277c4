import { configDefaults, defineConfig } from "vitest/config";
import { missingPackages } from "./src/engines/packages.ts";

const resolve = { conditions: ["ninefold-source"] };
const ssr = { resolve: { conditions: ["ninefold-source"], externalConditions: ["ninefold-source"] } };

/** Tests of rungs 2 and 3 run the system's engines; `npm test` says when they are left out. */
const exclude = [
  ...configDefaults.exclude,
  ...(missingPackages(3).length === 0
    ? []
    : [
        "src/engines/{etcd,patroni,haproxy}/**",
        "src/move/**",
        "test/rungs/**",
        "test/transitions/{backup,climb,replicas}*",
        "test/faults/{fleet,replicas}*",
      ]),
];

export default defineConfig({
  test: {
    // Real engines under real faults on a machine that others may be using: a wait can run out for no fault of ours. A retry is
    // shown in the output, and there is none where the tests are developed.
    retry: process.env.CI === undefined ? 0 : 2,
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "examples/**/*.test.ts"],
          exclude,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          exclude,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

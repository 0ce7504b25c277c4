import { defineConfig } from "vitest/config";

const resolve = { conditions: ["ninefold-source"] };
const ssr = { resolve: { conditions: ["ninefold-source"], externalConditions: ["ninefold-source"] } };

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
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

import { defineConfig } from "vitest/config";

/**
 * Two projects. `quick` needs nothing but `npm ci`: every `*.test.ts` beside the code.
 * `parts` needs the real parts (Pulumi, API server, istiod, Envoy, databases): `test/**` and every `*.parts.test.ts`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "quick",
          include: ["**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", "**/*.parts.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "parts",
          include: ["**/*.parts.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

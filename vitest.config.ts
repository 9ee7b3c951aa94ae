import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** The package's own entry points, as its examples import them: in tests, the sources and not the last build. */
const alias = [
  { find: /^portreeve$/, replacement: join(import.meta.dirname, "components/index.ts") },
  { find: /^portreeve\/(policy|testing)$/, replacement: join(import.meta.dirname, "$1/index.ts") },
];

/** Half a gigabyte and two minutes: run when asked for, and named in the plan of `npm test`. */
const onDemand = process.env["PORTREEVE_KEYCLOAK"] === "1" ? [] : ["**/keycloak.parts.test.ts"];

/**
 * Two projects. `quick` needs nothing but `npm ci`: every `*.test.ts` beside the code.
 * `parts` needs the real parts (Pulumi, API server, istiod, Envoy, databases): `test/**` and every `*.parts.test.ts`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias },
        test: {
          name: "quick",
          include: ["**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", "**/*.parts.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: "parts",
          include: ["**/*.parts.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", ...onDemand],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

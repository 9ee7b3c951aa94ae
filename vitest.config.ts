import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** The package's own entry points, as its examples import them: in tests, the sources and not the last build. */
const alias = [
  { find: /^portreeve$/, replacement: join(import.meta.dirname, "components/index.ts") },
  { find: /^portreeve\/(policy|testing)$/, replacement: join(import.meta.dirname, "$1/index.ts") },
];

/** Half a gigabyte and two minutes: run when asked for, and named in the plan of `npm test`. */
const onDemand = process.env["PORTREEVE_KEYCLOAK"] === "1" ? [] : ["**/keycloak.parts.test.ts"];

/** What both kinds of TLS must do: `parts` tests it with the runtime's own, `rustls` with the library's. */
const ON_BOTH_KINDS_OF_TLS = [
  "handshake-burst",
  "hostile-bytes",
  "hostile-certificates",
  "hostile-chains",
  "hostile-inside-tls",
  "internal-error",
  "life",
  "limits",
  "one-record",
  "resumption",
  "survive-operations",
].map((name) => `test/proxy/${name}.parts.test.ts`);

/**
 * Three projects. `quick` needs nothing but `npm ci`: every `*.test.ts` beside the code.
 * `parts` needs the real parts (Pulumi, API server, istiod, Envoy, databases): `test/**` and every `*.parts.test.ts`.
 * `rustls` is some of those again, with proxies whose mTLS is rustls's.
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
          // Whatever lies where a proxy looks for the library.
          env: { PORTREEVE_RUSTLS: process.env["PORTREEVE_RUSTLS"] ?? "off" },
        },
      },
      {
        resolve: { alias },
        test: {
          name: "rustls",
          include: ON_BOTH_KINDS_OF_TLS,
          setupFiles: ["test/proxy/with-rustls.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

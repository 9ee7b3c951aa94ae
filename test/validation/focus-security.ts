import { type Focus, security } from "./focus.ts";
import { ADDRESS_PIECES, KEY_PIECES, PATH_PIECES } from "./pieces.ts";
import { CEL_PIECES, JWKS_PIECES, URL_PIECES } from "./pieces-languages.ts";

export const SECURITY_FOCUSES: readonly Focus[] = [
  {
    name: "cel",
    pieces: CEL_PIECES,
    object: (text) => ({
      apiVersion: "telemetry.istio.io/v1",
      kind: "Telemetry",
      metadata: { name: "x" },
      spec: { accessLogging: [{ filter: { expression: text } }] },
    }),
  },
  {
    name: "jwksUri",
    pieces: URL_PIECES,
    object: (text) => security("RequestAuthentication", { jwtRules: [{ issuer: "a", jwksUri: text }] }),
  },
  {
    name: "jwks",
    pieces: JWKS_PIECES,
    object: (text) => security("RequestAuthentication", { jwtRules: [{ issuer: "a", jwks: text }] }),
  },
  {
    name: "wasm url",
    pieces: URL_PIECES,
    object: (text) => ({
      apiVersion: "extensions.istio.io/v1alpha1",
      kind: "WasmPlugin",
      metadata: { name: "x" },
      spec: { url: text },
    }),
  },
  {
    name: "ip block",
    pieces: ADDRESS_PIECES,
    object: (text) =>
      security("AuthorizationPolicy", { rules: [{ from: [{ source: { ipBlocks: [text] } }] }] }),
  },
  {
    name: "port",
    pieces: ["0", "1", "65535", "6", "5", "-", "+", " ", "x", "."],
    object: (text) =>
      security("AuthorizationPolicy", { rules: [{ to: [{ operation: { ports: [text] } }] }] }),
  },
  {
    name: "path",
    pieces: PATH_PIECES,
    object: (text) =>
      security("AuthorizationPolicy", { rules: [{ to: [{ operation: { paths: [text] } }] }] }),
  },
  {
    name: "service account",
    pieces: ["a", "/", "*", "b-c", "."],
    object: (text) =>
      security("AuthorizationPolicy", { rules: [{ from: [{ source: { serviceAccounts: [text] } }] }] }),
  },
  {
    name: "trust domain",
    pieces: ["a", "/", "*", "b-c", "."],
    object: (text) =>
      security("AuthorizationPolicy", { rules: [{ from: [{ source: { trustDomains: [text] } }] }] }),
  },
  {
    name: "condition",
    pieces: KEY_PIECES,
    object: (text) =>
      security("AuthorizationPolicy", { rules: [{ when: [{ key: text, values: ["1.2.3.4"] }] }] }),
  },
  {
    name: "port key",
    pieces: ["0", "1", "65535", "6", "5", "-", "+", " ", "x", ".", "e"],
    object: (text) =>
      security("PeerAuthentication", {
        selector: { matchLabels: { a: "b" } },
        portLevelMtls: { [text]: { mode: "STRICT" } },
      }),
  },
];

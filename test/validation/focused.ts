// One text in an object that is otherwise fine: every grammar that Istio reads inside of a string, on its own.
import fc from "fast-check";
import {
  ADDRESS_PIECES,
  CEL_PIECES,
  DURATION_PIECES,
  HEADER_PIECES,
  HOST_PIECES,
  JWKS_PIECES,
  KEY_PIECES,
  PATH_PIECES,
  REGEX_PIECES,
  URL_PIECES,
} from "./pieces.ts";

interface Focus {
  readonly name: string;
  readonly pieces: readonly string[];
  readonly object: (text: string) => unknown;
}

const networking = (kind: string, spec: unknown): unknown => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { name: "x", namespace: "app" },
  spec,
});
const security = (kind: string, spec: unknown): unknown => ({
  apiVersion: "security.istio.io/v1",
  kind,
  metadata: { name: "x", namespace: "app" },
  spec,
});
const route = (more: Readonly<Record<string, unknown>>): unknown =>
  networking("VirtualService", {
    hosts: ["a.b"],
    http: [{ route: [{ destination: { host: "a.b" } }], ...more }],
  });
const serviceEntry = (more: Readonly<Record<string, unknown>>): unknown =>
  networking("ServiceEntry", {
    hosts: ["a.b"],
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    resolution: "DNS",
    ...more,
  });

export const FOCUSES: readonly Focus[] = [
  { name: "regex", pieces: REGEX_PIECES, object: (text) => route({ match: [{ uri: { regex: text } }] }) },
  {
    name: "proxyVersion",
    pieces: REGEX_PIECES,
    object: (text) => ({
      apiVersion: "networking.istio.io/v1alpha3",
      kind: "EnvoyFilter",
      metadata: { name: "x" },
      spec: {
        configPatches: [
          { applyTo: "CLUSTER", match: { proxy: { proxyVersion: text } }, patch: { operation: "REMOVE" } },
        ],
      },
    }),
  },
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
  { name: "duration", pieces: DURATION_PIECES, object: (text) => route({ timeout: text }) },
  {
    name: "idle timeout",
    pieces: DURATION_PIECES,
    object: (text) =>
      networking("DestinationRule", {
        host: "a.b",
        trafficPolicy: { connectionPool: { tcp: { idleTimeout: text } } },
      }),
  },
  {
    name: "cookie ttl",
    pieces: DURATION_PIECES,
    object: (text) =>
      networking("DestinationRule", {
        host: "a.b",
        trafficPolicy: { loadBalancer: { consistentHash: { httpCookie: { name: "a", ttl: text } } } },
      }),
  },
  { name: "max age", pieces: DURATION_PIECES, object: (text) => route({ corsPolicy: { maxAge: text } }) },
  { name: "host", pieces: HOST_PIECES, object: (text) => serviceEntry({ hosts: [text] }) },
  {
    name: "wildcard host",
    pieces: HOST_PIECES,
    object: (text) => serviceEntry({ hosts: [text], resolution: "NONE" }),
  },
  {
    name: "destination host",
    pieces: HOST_PIECES,
    object: (text) => route({ route: [{ destination: { host: text } }] }),
  },
  {
    name: "virtual service host",
    pieces: HOST_PIECES,
    object: (text) =>
      networking("VirtualService", {
        hosts: [text, "x.y"],
        http: [{ route: [{ destination: { host: "a.b" } }] }],
      }),
  },
  {
    name: "sni host",
    pieces: HOST_PIECES,
    object: (text) =>
      networking("VirtualService", {
        hosts: ["*.b", "a"],
        gateways: ["app/gw"],
        tls: [{ match: [{ sniHosts: [text] }], route: [{ destination: { host: "a.b" } }] }],
      }),
  },
  {
    name: "gateway host",
    pieces: [...HOST_PIECES, "/"],
    object: (text) =>
      networking("Gateway", {
        servers: [{ port: { number: 80, name: "a", protocol: "HTTP" }, hosts: [text] }],
      }),
  },
  {
    name: "sidecar host",
    pieces: [...HOST_PIECES, "/", "~"],
    object: (text) => networking("Sidecar", { egress: [{ hosts: [text] }] }),
  },
  {
    name: "gateway name",
    pieces: [...HOST_PIECES, "/"],
    object: (text) =>
      networking("VirtualService", {
        hosts: ["a.b"],
        gateways: [text],
        http: [{ route: [{ destination: { host: "a.b" } }] }],
      }),
  },
  {
    name: "address",
    pieces: ADDRESS_PIECES,
    object: (text) => serviceEntry({ addresses: [text], resolution: "STATIC" }),
  },
  {
    name: "endpoint",
    pieces: [...ADDRESS_PIECES, ...HOST_PIECES, "unix://", "@"],
    object: (text) => serviceEntry({ endpoints: [{ address: text }] }),
  },
  {
    name: "workload address",
    pieces: [...ADDRESS_PIECES, ...HOST_PIECES, "unix://", "@"],
    object: (text) => networking("WorkloadEntry", { address: text }),
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
    name: "header value",
    pieces: HEADER_PIECES,
    object: (text) => route({ headers: { request: { add: { a: text } } } }),
  },
  {
    name: "header name",
    pieces: ["x", "-", ":", "host", "authority", "@request.auth.claims", ".", "[", "]", " ", "_", "~"],
    object: (text) =>
      route({ match: [{ headers: { [text]: { exact: "a" } } }], headers: { request: { add: { b: "a" } } } }),
  },
  {
    name: "added header",
    pieces: ["x", "-", ":", "host", "HOST", "authority", " ", "_"],
    object: (text) =>
      route({ headers: { request: { add: { [text]: "a" } }, response: { add: { b: "c" } } } }),
  },
  {
    name: "removed header",
    pieces: ["x", "-", ":", "host", "HOST", "authority", " ", "_"],
    object: (text) => route({ headers: { request: { remove: [text] } } }),
  },
  {
    name: "label key",
    pieces: ["a", "/", "-", ".", "_", "A", "*", "a".repeat(63), "b.".repeat(60)],
    object: (text) =>
      networking("DestinationRule", { host: "a.b", subsets: [{ name: "a", labels: { [text]: "x" } }] }),
  },
  {
    name: "label value",
    pieces: ["a", "/", "-", ".", "_", "A", "*", " ", "a".repeat(63)],
    object: (text) =>
      networking("DestinationRule", { host: "a.b", subsets: [{ name: "a", labels: { a: text } }] }),
  },
  {
    name: "object name",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63), "b.".repeat(60)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: text, namespace: "a" },
      spec: {},
    }),
  },
  {
    name: "namespace",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", namespace: text },
      spec: {},
    }),
  },
  {
    name: "generated name",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63), "b.".repeat(60)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { generateName: text, namespace: "a" },
      spec: {},
    }),
  },
  {
    name: "metadata label",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", labels: { [text]: "a" }, annotations: { [text]: "b" } },
      spec: {},
    }),
  },
  {
    name: "metadata label value",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", labels: { a: text }, finalizers: ["a/b"] },
      spec: {},
    }),
  },
  {
    name: "finalizer",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", finalizers: [text] },
      spec: {},
    }),
  },
  {
    name: "dry run",
    pieces: ["true", "false", "1", "0", "t", "F", "T", "RUE", "yes", "True", " "],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "x", annotations: { "istio.io/dry-run": text } },
      spec: {},
    }),
  },
  {
    name: "default endpoint",
    pieces: [...ADDRESS_PIECES, "127.0.0.1", "[", "]", ":", "80", "unix://", "-", "+"],
    object: (text) =>
      networking("Sidecar", {
        ingress: [{ port: { number: 80, name: "a", protocol: "TCP" }, defaultEndpoint: text }],
      }),
  },
  {
    name: "retry",
    pieces: ["5xx", "reset", ",", "404", "9", " ", "+", "-", "0"],
    object: (text) => route({ retries: { attempts: 1, retryOn: text } }),
  },
  {
    name: "locality",
    pieces: ["us", "/", "*", "a", "eu"],
    object: (text) =>
      networking("DestinationRule", {
        host: "a.b",
        trafficPolicy: {
          loadBalancer: {
            localityLbSetting: {
              distribute: [
                { from: "us/a", to: { x: 100 } },
                { from: text, to: { [text]: 100 } },
                { from: "eu", to: { x: 100 } },
              ],
            },
          },
        },
      }),
  },
  {
    name: "credential",
    pieces: ["configmap://", "app", "/", "ca", "other"],
    object: (text) =>
      networking("DestinationRule", {
        host: "a.b",
        trafficPolicy: { tls: { mode: "SIMPLE", credentialName: text } },
      }),
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

/** Texts made of a focus's pieces. */
export function focusedText(focus: Focus): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...focus.pieces), { minLength: 0, maxLength: 8 })
    .map((pieces) => pieces.join(""));
}

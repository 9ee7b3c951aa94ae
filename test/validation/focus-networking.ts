import { type Focus, networking } from "./focus.ts";
import { ADDRESS_PIECES, DURATION_PIECES, HEADER_PIECES, HOST_PIECES } from "./pieces.ts";
import { REGEX_PIECES } from "./pieces-languages.ts";

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

export const NETWORKING_FOCUSES: readonly Focus[] = [
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
];

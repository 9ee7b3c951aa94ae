/**
 * Certificates that must name nobody, shown to the running proxy over real sockets on both kinds of TLS port: TLS from the
 * first byte, and TLS that a Node socket begins later. Each is refused before a dial, with its reason in the one record.
 * Not tested here: revocation lists, which X.509-SVID does not use.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Authority,
  createAuthority,
  createIntermediate,
  createLeaf,
  type Issued,
} from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  type Backend,
  connectTls,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
  TRUST_DOMAIN,
} from "./harness.ts";

const PARTNER = "spiffe://partner.org/ns/shop/sa/api";
const HOUR = 3_600_000;

let scope: Scope;
let backend: Backend;
let proxy: TestProxy;
let ports: Record<"tls" | "staged", number>;
const partner: Authority = createAuthority("partner CA");

beforeAll(async () => {
  scope = await openScope("proxy-certificates");
  backend = await startBackend(scope);
  const [tls = 0, staged = 0] = await freePorts(2);
  ports = { tls, staged };
  writeFileSync(join(scope.dir, "partner.pem"), partner.cert);
  proxy = await startProxy(scope, {
    trust: {
      trustDomain: TRUST_DOMAIN,
      bundles: [
        { trustDomain: TRUST_DOMAIN, file: join(scope.dir, "proxy.ca.pem") },
        { trustDomain: "partner.org", file: join(scope.dir, "partner.pem") },
      ],
    },
    listeners: [
      { name: "tls", mode: "mtls", bind: "127.0.0.1", port: tls, service: "plain" },
      // PostgreSQL's port takes TLS from the first byte as well, on a socket that is not Bun's own.
      { name: "staged", mode: "mtls", bind: "127.0.0.1", port: staged, service: "database" },
    ],
    services: [
      { name: "plain", ports: [{ port: 7 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] },
      {
        name: "database",
        ports: [{ port: 5432, protocol: "postgres" }],
        endpoints: [{ host: "127.0.0.1", port: backend.port }],
      },
    ],
    rules: ["plain", "database"].map((service) => ({
      id: service,
      action: "allow" as const,
      service,
      subjects: { workloads: [API, PARTNER] },
    })),
  });
});

afterAll(() => scope?.stop());

/** A certificate that signs itself and is no CA; the issuer in `dev/` makes none. */
function selfSigned(): Issued {
  const path = (suffix: string) => join(scope.dir, `self.${suffix}`);
  const extensions = [`subjectAltName=URI:${API}`, "basicConstraints=critical,CA:FALSE"];
  execFileSync("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=self".split(" "),
    ...[...extensions, "keyUsage=critical,digitalSignature"].flatMap((extension) => ["-addext", extension]),
    ...["-keyout", path("key"), "-out", path("cert")],
  ]);
  return {
    cert: readFileSync(path("cert"), "utf8"),
    key: readFileSync(path("key"), "utf8"),
    der: new Uint8Array(),
  };
}

/** A leaf sent with certificates that are to vouch for it. */
function withChain(leaf: Issued, ...others: readonly Issued[]): Issued {
  return { ...leaf, cert: [leaf, ...others].map(({ cert }) => cert).join("") };
}

function forgedByLeaf(): Issued {
  const leaf = createLeaf("leaf", proxy.ca, { uris: [`spiffe://${TRUST_DOMAIN}/ns/a/sa/leaf`] });
  return withChain(createLeaf("forged", leaf, { uris: [API] }), leaf);
}

/** How each is made, and the error in its record: the first is the TLS library's where it refuses, else the proxy's. */
const hostile: readonly (readonly [string, () => Issued, RegExp])[] = [
  [
    "expired",
    () => proxy.client(API, { notAfter: Date.now() - 1_000 }),
    /^(CERT_HAS_EXPIRED|certificate has expired)$/,
  ],
  ["not yet valid", () => proxy.client(API, { notBefore: Date.now() + HOUR }), /NOT_YET_VALID|not yet valid/],
  [
    "of a domain without a bundle",
    () => proxy.client("spiffe://else.org/ns/shop/sa/api"),
    /^untrusted-domain$/,
  ],
  ["with two SPIFFE IDs", () => proxy.client(API, { uris: [API, `${API}2`] }), /^several-uris$/],
  [
    "with a URI beside its SPIFFE ID",
    () => proxy.client(API, { uris: [API, "https://x/"] }),
    /^several-uris$/,
  ],
  // BoringSSL refuses the key usage of a CA by itself; as a CA with a leaf's key usage it comes as far as the proxy's own
  // rule. rustls refuses a CA as a leaf in any case, which has that rule's name in records.
  [
    "that is a CA",
    () => proxy.client(API, { ca: true }),
    /^(ERR_SSL_KEY_USAGE_BIT_INCORRECT|EPROTO|ca-certificate)$/,
  ],
  [
    "that is a CA with the key usage of a leaf",
    () => proxy.client(API, { ca: true, keyUsage: 0x80 }),
    /^ca-certificate$/,
  ],
  ["that may sign certificates", () => proxy.client(API, { keyUsage: 0x84 }), /^key-usage$/],
  ["that signed itself", selfSigned, /^(DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/],
  [
    "of an unknown CA",
    () => createLeaf("client", createAuthority("unknown"), { uris: [API] }),
    /UNABLE_TO_|unable to/,
  ],
  [
    "of an unknown CA with the name of ours, which is sent along",
    () => {
      const twin = createAuthority("test CA");
      return withChain(createLeaf("client", twin, { uris: [API] }), twin);
    },
    /SIGNATURE|UNABLE_TO_|SELF_SIGNED|signature|unable to|self.signed/,
  ],
  ["that a leaf of ours signed", forgedByLeaf, /INVALID_CA|invalid CA|UNABLE_TO_|unable to/],
  [
    "of a partner, for a name of ours",
    () => createLeaf("client", partner, { uris: [API] }),
    /^foreign-authority$/,
  ],
  [
    "of a partner's intermediate, for a name of ours",
    () => {
      const between = createIntermediate("between", partner);
      return withChain(createLeaf("client", between, { uris: [API] }), between);
    },
    /^foreign-authority$/,
  ],
  ["of ours, for a partner's name", () => proxy.client(PARTNER), /^foreign-authority$/],
  [
    "with the name in DNS only",
    () => proxy.client(API, { uris: [], dnsNames: ["api.shop"] }),
    /^no-spiffe-id$/,
  ],
  ["with the name in its common name only", () => createLeaf(API, proxy.ca, {}), /^no-spiffe-id$/],
  [
    "with a path that climbs",
    () => proxy.client(`spiffe://${TRUST_DOMAIN}/ns/x/../shop/sa/api`),
    /^malformed-spiffe-id$/,
  ],
];

describe.each(["tls", "staged"] as const)("on a port of the %s kind, a certificate", (kind) => {
  test.each(hostile)("%s is nobody's", async (_, make, error) => {
    const before = { dialled: backend.connections, records: recordsOf(kind).length };
    const answer = await connectTls(proxy, ports[kind], make()).then(
      (socket) => {
        socket.on("error", () => {});
        socket.write("are you there?");
        return readToEnd(socket);
      },
      // Refused by an alert while the handshake was under way.
      () => Buffer.alloc(0),
    );
    expect(answer.toString()).toBe("");
    await until("its record", 10, () => recordsOf(kind).length > before.records);
    expect(recordsOf(kind).slice(before.records)).toEqual([
      expect.objectContaining({
        close: "handshake-failed",
        verdict: "deny",
        error: expect.stringMatching(error),
      }),
    ]);
    expect(backend.connections).toBe(before.dialled);
  });

  test.each([
    ["ours", API, () => proxy.client(API)],
    ["a partner's own", PARTNER, () => createLeaf("client", partner, { uris: [PARTNER] })],
    [
      "ours through an intermediate",
      API,
      () => {
        const between = createIntermediate("between", proxy.ca);
        return withChain(createLeaf("client", between, { uris: [API] }), between);
      },
    ],
  ] as const)(
    "that is %s lets its workload in, with all of the above refused before it",
    async (_, id, make) => {
      const socket = await connectTls(proxy, ports[kind], make());
      const reading = readToEnd(socket);
      socket.end("hello");
      expect((await reading).toString()).toBe("hello");
      expect(
        await proxy.record({ listener: kind, "src.identity": id, close: "client-closed" }),
      ).toBeDefined();
    },
  );
});

function recordsOf(listener: string) {
  return proxy.records().filter((record) => record["listener"] === listener);
}

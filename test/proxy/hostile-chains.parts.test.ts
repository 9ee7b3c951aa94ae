/**
 * What a client sends behind its certificate: chains made so that the search for a path to a root takes long. They are looked
 * at before the client has proved that it holds a key, in the one thread that everybody's bytes pass. Measured as the CPU of
 * the proxy, so that other work on the machine does not count.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createAuthority,
  createIntermediate,
  createLeaf,
  type Issued,
} from "../../proxy-image/dev/certificates.ts";
import {
  bitString,
  boolean,
  integer,
  octets,
  oid,
  sequence,
  set,
  time,
  tlv,
  utf8,
} from "../../proxy-image/identity/der-writer.ts";
import { pemOf } from "../../proxy-image/identity/pem.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import {
  API,
  connectTls,
  readToEnd,
  startBackend,
  startProxy,
  type TestProxy,
  TRUST_DOMAIN,
} from "./harness.ts";

let scope: Scope;
let proxy: TestProxy;
let ports: Record<"tls" | "staged", number>;
const partner = createAuthority("partner CA");

beforeAll(async () => {
  scope = await openScope("proxy-chains");
  const backend = await startBackend(scope);
  const [tls = 0, staged = 0] = await freePorts(2);
  ports = { tls, staged };
  writeFileSync(join(scope.dir, "partner.pem"), partner.cert);
  const endpoints = [{ host: "127.0.0.1", port: backend.port }];
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
      { name: "staged", mode: "mtls", bind: "127.0.0.1", port: staged, service: "database" },
    ],
    services: [
      { name: "plain", ports: [{ port: 7 }], endpoints },
      { name: "database", ports: [{ port: 5432, protocol: "postgres" }], endpoints },
    ],
    rules: ["plain", "database"].map((service) => ({
      id: service,
      action: "allow" as const,
      service,
      subjects: { workloads: [API] },
    })),
  });
});

afterAll(() => scope?.stop());

const ED25519 = sequence(oid("1.3.101.112"));
const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

function named(name: string): Uint8Array {
  return sequence(set(sequence(oid("2.5.4.3"), utf8(name))));
}

function toBeSigned(
  algorithm: Uint8Array,
  issuer: string,
  subject: string,
  ...rest: Uint8Array[]
): Uint8Array {
  const validity = sequence(time(Date.now() - 3_600_000), time(Date.now() + 3_600_000));
  const head = [tlv(0xa0, integer(Uint8Array.of(2))), integer(Uint8Array.of(1)), algorithm];
  return sequence(...head, named(issuer), validity, named(subject), ...rest);
}

/** A certificate of a CA that says it signed itself, as small as can be; nobody has its key. */
function tinyAuthority(name: string): Uint8Array {
  const key = sequence(ED25519, bitString(randomBytes(32)));
  const isCa = sequence(oid("2.5.29.19"), boolean(true), octets(sequence(boolean(true))));
  const tbs = toBeSigned(ED25519, name, name, key, tlv(0xa3, sequence(isCa)));
  return sequence(tbs, ED25519, bitString(Uint8Array.of(1)));
}

/** Each of ten could have signed each other and the leaf, and at every step 300 are looked at that could not. */
function manyPaths(): Issued {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const tbs = toBeSigned(ECDSA_WITH_SHA256, "X", "leaf", spki);
  const der = sequence(tbs, ECDSA_WITH_SHA256, bitString(sign("sha256", tbs, privateKey)));
  const names = [...Array<string>(10).fill("X"), ...Array<string>(300).fill("Y")];
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { der, key, cert: pemOfAll([der, ...names.map(tinyAuthority)]) };
}

function pemOfAll(certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => pemOf("CERTIFICATE", der)).join("");
}

/** A name of ours by the partner's CA, which vouches for none of ours, and its root so many times. */
function copiesOfARoot(count: number): Issued {
  const leaf = createLeaf("client", partner, { uris: [API] });
  return { ...leaf, cert: pemOfAll([leaf.der, ...Array.from({ length: count }, () => partner.der)]) };
}

/** Of all threads, in seconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ");
  // In hundredths, whatever the kernel's own clock is (proc(5)): of its own code, and of the kernel's for it.
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

describe.each(["tls", "staged"] as const)("on a port of the %s kind", (kind) => {
  const refusals = () =>
    proxy.records().filter((record) => record["listener"] === kind && record["close"] === "handshake-failed");

  test.each([
    ["that could be put together in a million ways", manyPaths],
    ["of a partner's root, six times", () => copiesOfARoot(6)],
    ["of a partner's root, a hundred times", () => copiesOfARoot(100)],
  ] as const)("a chain %s is refused, and costs no more than other handshakes", async (_, make) => {
    const client = make();
    const before = { cpu: cpuOf(proxy.running.pid), refusals: refusals().length };
    for (let visit = 0; visit < 4; visit++) {
      const socket = await connectTls(proxy, ports[kind], client).catch(() => undefined);
      socket?.on("error", () => {}).write("are you there?");
      if (socket) expect((await readToEnd(socket)).toString()).toBe("");
    }
    await until("their records", 60, () => refusals().length === before.refusals + 4);
    // Unbounded, one visit takes 2 to 20 s; bounded, all of them some hundredths.
    expect(cpuOf(proxy.running.pid) - before.cpu).toBeLessThan(1);
  });

  test("five intermediates, with the root or without it, lead to it", async () => {
    const path = [proxy.ca];
    for (let depth = 1; depth <= 5; depth++) {
      path.unshift(createIntermediate(`below ${depth}`, path[0] ?? proxy.ca));
    }
    const [last = proxy.ca] = path;
    const leaf = createLeaf("client", last, { uris: [API] });
    for (const sent of [path, path.slice(0, -1)]) {
      const cert = pemOfAll([leaf, ...sent].map(({ der }) => der));
      const socket = await connectTls(proxy, ports[kind], { ...leaf, cert });
      const reading = readToEnd(socket);
      socket.end("hello");
      expect((await reading).toString()).toBe("hello");
    }
  });
});

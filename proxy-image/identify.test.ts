import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  createIntermediate,
  createLeaf,
} from "./dev/certificates.ts";
import { Identifier } from "./identify.ts";
import { readLeaf } from "./identity/certificate.ts";
import { TrustStore } from "./identity/trust-store.ts";

const own = createAuthority("own");
const partner = createAuthority("partner");
const now = Date.now();
const API = "spiffe://own.org/ns/shop/sa/api";

function identifier(bundles: Record<string, Authority>, aliases: string[] = []): Identifier {
  const pem = new Map(Object.entries(bundles).map(([domain, { cert }]) => [domain, cert]));
  return new Identifier(new TrustStore("own.org", aliases, pem));
}

function identify(
  by: Authority,
  options: CertificateOptions,
  chain: Uint8Array[] = [by.der],
  at = now,
): string {
  const leaf = createLeaf("leaf", by, options);
  const found = identifier({ "own.org": own, "partner.org": partner }, ["old.org"]).identify(
    leaf.der,
    () => chain,
    at,
  );
  return found.ok ? found.workload.spiffe.id : found.refusal;
}

describe("a verified certificate", () => {
  test("with one SPIFFE URI names its workload, namespace and service account", () => {
    const leaf = createLeaf("leaf", own, { uris: [API], dnsNames: ["api.example.com"] });
    const found = identifier({ "own.org": own }).identify(leaf.der, () => [], now);
    expect(found).toMatchObject({
      ok: true,
      workload: { spiffe: { trustDomain: "own.org", namespace: "shop", serviceAccount: "api" } },
    });
  });

  test.each<[string, CertificateOptions, string]>([
    ["without a URI, whatever its DNS names say", { dnsNames: ["api.shop"] }, "no-spiffe-id"],
    ["with two URIs", { uris: [API, "spiffe://own.org/ns/shop/sa/other"] }, "several-uris"],
    ["with another URI beside the SPIFFE ID", { uris: [API, "https://own.org/"] }, "several-uris"],
    ["with a URI of another scheme", { uris: ["https://own.org/ns/shop/sa/api"] }, "malformed-spiffe-id"],
    ["with a trust domain's own ID", { uris: ["spiffe://own.org"] }, "malformed-spiffe-id"],
    ["with a trailing slash", { uris: [`${API}/`] }, "malformed-spiffe-id"],
    ["with a dot segment", { uris: ["spiffe://own.org/ns/../sa/api"] }, "malformed-spiffe-id"],
    ["with a query", { uris: [`${API}?x=1`] }, "malformed-spiffe-id"],
    ["with a port", { uris: ["spiffe://own.org:80/ns/shop/sa/api"] }, "malformed-spiffe-id"],
    ["with an upper-case trust domain", { uris: ["spiffe://OWN.org/ns/shop/sa/api"] }, "malformed-spiffe-id"],
    ["with percent-encoding", { uris: ["spiffe://own.org/ns/shop/sa/%61pi"] }, "malformed-spiffe-id"],
    ["that is a CA", { uris: [API], ca: true }, "ca-certificate"],
    ["that may sign certificates", { uris: [API], keyUsage: 0x84 }, "key-usage"],
    ["that may not sign at all", { uris: [API], keyUsage: 0x20 }, "key-usage"],
    ["that has expired", { uris: [API], notAfter: now - 1 }, "expired"],
    ["that is not yet valid", { uris: [API], notBefore: now + 60_000 }, "not-yet-valid"],
    ["of a domain without a bundle", { uris: ["spiffe://else.org/ns/a/sa/b"] }, "untrusted-domain"],
  ])("%s is nobody", (_, options, refusal) => {
    expect(identify(own, options)).toBe(refusal);
  });

  test("that was remembered is still refused once it has expired", () => {
    const leaf = createLeaf("leaf", own, { uris: [API], notAfter: now + 5_000 });
    const one = identifier({ "own.org": own });
    expect(one.identify(leaf.der, () => [], now).ok).toBe(true);
    expect(one.identify(leaf.der, () => [], now + 10_000)).toEqual({ ok: false, refusal: "expired" });
  });
});

describe("in a federation", () => {
  test("the bundle of one domain does not vouch for a name of another, although both are trusted", () => {
    expect(identify(partner, { uris: [API] })).toBe("foreign-authority");
    expect(identify(own, { uris: ["spiffe://partner.org/ns/a/sa/b"] })).toBe("foreign-authority");
  });

  test("each domain's own names are accepted, an alias as the own domain's", () => {
    expect(identify(own, { uris: [API] })).toBe(API);
    expect(identify(partner, { uris: ["spiffe://partner.org/ns/a/sa/b"] })).toBe(
      "spiffe://partner.org/ns/a/sa/b",
    );
    expect(identify(own, { uris: ["spiffe://old.org/ns/a/sa/b"] })).toBe("spiffe://old.org/ns/a/sa/b");
    expect(identify(partner, { uris: ["spiffe://old.org/ns/a/sa/b"] })).toBe("foreign-authority");
  });

  test("a chain through an intermediate leads to its own root only", () => {
    const intermediate = createIntermediate("intermediate", own);
    expect(identify(intermediate, { uris: [API] }, [intermediate.der])).toBe(API);
    expect(identify(intermediate, { uris: [API] }, [])).toBe("foreign-authority");
    expect(
      identify(intermediate, { uris: ["spiffe://partner.org/ns/a/sa/b"] }, [intermediate.der, partner.der]),
    ).toBe("foreign-authority");
  });

  test("a leaf never vouches for another certificate", () => {
    const leaf = createLeaf("leaf", own, { uris: ["spiffe://own.org/ns/a/sa/leaf"] });
    const forged = createLeaf("forged", leaf, { uris: [API] });
    const found = identifier({ "own.org": own, "partner.org": partner }).identify(
      forged.der,
      () => [leaf.der],
      now,
    );
    expect(found).toEqual({ ok: false, refusal: "foreign-authority" });
  });

  test("copies of a root and roots of one name, that lead elsewhere, cost a bounded number of steps", () => {
    // The search behind each certificate for each of the others takes minutes for these.
    const copies = Array.from({ length: 8 }, () => partner.der);
    expect(identify(partner, { uris: [API] }, copies)).toBe("foreign-authority");
    const loop = createAuthority("loop");
    const others = Array.from({ length: 7 }, () => createIntermediate("loop", loop));
    expect(
      identify(
        loop,
        { uris: [API] },
        [loop, ...others].map(({ der }) => der),
      ),
    ).toBe("foreign-authority");
  });

  test("a path is found in any order, of five intermediates and no more, and not among more certificates than are looked at", () => {
    const path = [own];
    for (let depth = 1; depth <= 6; depth++) {
      path.push(createIntermediate(`below-${depth}`, path.at(-1) ?? own));
    }
    const below = (depth: number) =>
      identify(
        path[depth] ?? own,
        { uris: [API] },
        path.slice(1, depth + 1).map(({ der }) => der),
      );
    expect([1, 4, 5].map(below)).toEqual([API, API, API]);
    expect(below(6)).toBe("foreign-authority");
    const [, first = own] = path;
    const among = (count: number) =>
      identify(first, { uris: [API] }, [first.der, ...Array.from({ length: count }, () => partner.der)]);
    expect([among(7), among(8)]).toEqual([API, "foreign-authority"]);
  });

  test("certificates that lead to each other end the search", () => {
    const a = createAuthority("loop");
    const b = createIntermediate("loop", a);
    const leaf = createLeaf("leaf", b, { uris: [API] });
    const found = identifier({ "own.org": own, "partner.org": partner }).identify(
      leaf.der,
      () => [a.der, b.der],
      now,
    );
    expect(found).toEqual({ ok: false, refusal: "foreign-authority" });
  });
});

describe("reading a certificate", () => {
  const good = createLeaf("leaf", own, { uris: [API], dnsNames: ["a.example"] });

  test("agrees with the runtime's own reader on names, validity and CA", () => {
    for (const [ca, options] of [
      [false, { uris: [API] }],
      [false, { uris: [API], dnsNames: ["a, URI:spiffe://own.org/ns/x/sa/y"] }],
      [true, { uris: [API], ca: true }],
    ] as const) {
      const issued = createLeaf("leaf", own, options);
      const theirs = new X509Certificate(issued.der);
      const ours = readLeaf(issued.der);
      expect(ours.ca).toBe(ca);
      expect(theirs.ca).toBe(ca);
      expect(ours.uris).toEqual([API]);
      expect(ours.notAfter).toBe(Date.parse(theirs.validTo));
      expect(ours.notBefore).toBe(Date.parse(theirs.validFrom));
    }
  });

  test("never throws anything but its own refusal, for any damaged certificate", () => {
    const store = identifier({ "own.org": own });
    fc.assert(
      fc.property(
        fc.nat(good.der.length - 1),
        fc.integer({ min: 0, max: 255 }),
        fc.nat(400),
        (at, byte, cut) => {
          const damaged = Uint8Array.from(good.der);
          damaged[at] = byte;
          const found = store.identify(
            damaged.subarray(0, damaged.length - (cut < 50 ? cut : 0)),
            () => [],
            now,
          );
          expect(typeof found.ok).toBe("boolean");
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("never throws anything but its own refusal, for any bytes", () => {
    const store = identifier({ "own.org": own });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(store.identify(bytes, () => [], now)).toEqual({ ok: false, refusal: "malformed-certificate" });
      }),
    );
  });
});

import { createPrivateKey, X509Certificate } from "node:crypto";
import fc from "fast-check";
import protobuf from "google-protobuf";
import { describe, expect, test } from "vitest";
import { createAuthority, createIntermediate, createLeaf } from "../dev/certificates.ts";
import { type OfferedSvid, readSvidUpdate } from "./message.ts";
import { takeSvid } from "./take-svid.ts";

const ID = "spiffe://test.org/ns/portreeve/sa/proxy";
const WANTED = { trustDomain: "test.org", hint: undefined };
const der = (...pems: string[]) => Buffer.concat(pems.map((pem) => new X509Certificate(pem).raw));

function offered(change: Partial<OfferedSvid> = {}): OfferedSvid {
  const root = createAuthority("root");
  const middle = createIntermediate("middle", root);
  const leaf = createLeaf("proxy", middle, { uris: [ID] });
  const key = createPrivateKey(leaf.key).export({ type: "pkcs8", format: "der" });
  return {
    spiffeId: ID,
    chain: der(leaf.cert, middle.cert),
    key,
    bundle: der(root.cert),
    hint: "",
    ...change,
  };
}

describe("an update", () => {
  test("is read as protobuf's own library writes it, with fields that nobody knows", () => {
    const svid = offered({ hint: "internal" });
    const writer = new protobuf.BinaryWriter();
    writer.writeMessage(1, {}, () => {
      writer.writeString(1, svid.spiffeId);
      writer.writeBytes(2, svid.chain);
      writer.writeBytes(3, svid.key);
      writer.writeBytes(4, svid.bundle);
      writer.writeString(5, svid.hint);
      writer.writeFixed64(99, 7);
    });
    writer.writeBytes(2, Uint8Array.of(1));
    writer.writeMessage(3, {}, () => {
      writer.writeString(1, "spiffe://partner.example");
      writer.writeBytes(2, svid.bundle);
    });
    const update = readSvidUpdate(writer.getResultBuffer());
    expect(update.svids).toHaveLength(1);
    expect(update.svids[0]?.hint).toBe("internal");
    expect(Buffer.from(update.svids[0]?.chain ?? []).equals(svid.chain)).toBe(true);
    expect([...update.federated.keys()]).toEqual(["spiffe://partner.example"]);
  });

  test("of any bytes is read or refused by an Error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          const { svids } = readSvidUpdate(bytes);
          for (const svid of svids) expect(typeof svid.spiffeId).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect(error).not.toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("an SVID", () => {
  test("is taken with its intermediates, its bundle and those of others", () => {
    const svid = offered();
    const taken = takeSvid(
      { svids: [svid], federated: new Map([["spiffe://partner.example", svid.bundle]]) },
      WANTED,
      Date.now(),
    );
    expect(taken.cert.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new X509Certificate(taken.cert).checkPrivateKey(createPrivateKey(taken.key))).toBe(true);
    expect([...taken.federated.keys()]).toEqual(["partner.example"]);
  });

  test("of another hint is not taken for the one that is wanted", () => {
    const wanted = { ...WANTED, hint: "internal" };
    expect(() =>
      takeSvid({ svids: [offered({ hint: "external" })], federated: new Map() }, wanted, Date.now()),
    ).toThrow('no SVID with the hint "internal" is offered, only "external"');
  });

  test("cut off anywhere is refused", () => {
    const svid = offered();
    for (const field of ["chain", "key", "bundle"] as const) {
      for (let length = 0; length < svid[field].length; length += 37) {
        const cut = { ...svid, [field]: svid[field].subarray(0, length) };
        // A chain that ends after its leaf is whole, and still chains to nothing.
        expect(() => takeSvid({ svids: [cut], federated: new Map() }, WANTED, Date.now())).toThrow();
      }
    }
  });
});

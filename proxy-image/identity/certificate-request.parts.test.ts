import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { requestFor } from "./certificate-request.ts";

const ID = "spiffe://test.org/ns/portreeve/sa/portreeve-proxy";

test("a request is signed by its own key, has no subject, and names the one SPIFFE ID", () => {
  const { csr, privateKey } = requestFor(ID);
  const openssl = (...args: string[]) =>
    execFileSync("openssl", ["req", "-noout", ...args], { input: csr, stdio: "pipe" }).toString();
  const text = openssl("-text", "-verify");
  expect(text).toMatch(/Subject: *\n/);
  expect(text).toContain("ASN1 OID: prime256v1");
  expect(text).toMatch(new RegExp(`X509v3 Subject Alternative Name: critical\\s+URI:${ID}\\s`));
  const own = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  expect(openssl("-pubkey")).toContain(own.trim());
});

test("every request has a key of its own", () => {
  const keys = [requestFor(ID), requestFor(ID)].map(({ privateKey }) =>
    privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  );
  expect(keys[0]).not.toBe(keys[1]);
});

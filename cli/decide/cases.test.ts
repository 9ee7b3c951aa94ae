import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, expect, test } from "vitest";
import { Output } from "../io/output.ts";
import { decideCases } from "./cases.ts";

const dir = mkdtempSync(join(tmpdir(), "portreeve-decide-"));
const file = join(dir, "cases.jsonl");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

class Memory extends Writable {
  text = "";
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString("utf8");
    done();
  }
}

async function run(lines: readonly unknown[]): Promise<{ code: number; out: string[]; errors: string[] }> {
  writeFileSync(
    file,
    lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
  );
  const [out, errors] = [new Memory(), new Memory()];
  const code = await decideCases(file, new Output(out), new Output(errors));
  const split = ({ text }: Memory) => text.split("\n").filter((line) => line !== "");
  return { code, out: split(out), errors: split(errors) };
}

const good = {
  id: "a",
  dataplane: "sidecar",
  policies: [
    {
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "p", namespace: "shop" },
      spec: { rules: [{ from: [{ source: { principals: ["td1/ns/shop/sa/api"] } }] }] },
    },
  ],
  workload: {
    namespace: "shop",
    labels: {},
    trustDomain: "td1",
    trustDomainAliases: [],
    rootNamespace: "istio-system",
  },
  connection: {
    source: { ip: "10.1.2.3", principal: "td1/ns/shop/sa/api" },
    destination: { ip: "10.0.0.10", port: 5432 },
  },
};

test("answers each case in order, with the id it came with", async () => {
  const { code, out, errors } = await run([good, { ...good, id: 7, policies: [] }]);
  expect(out.map((line) => JSON.parse(line))).toEqual([
    { id: "a", verdict: "allow", by: { policy: "shop/p", rule: 0 }, notes: [] },
    { id: 7, verdict: "allow", by: null, notes: [] },
  ]);
  expect(errors).toEqual([]);
  expect(code).toBe(0);
});

test("a line that cannot be read is told in one line with its number, and the others are answered", async () => {
  const { code, out, errors } = await run([
    "{",
    good,
    "",
    { ...good, dataplane: "waypoint" },
    { ...good, connection: { ...good.connection, source: { ip: "10.1", principal: null } } },
    { ...good, policies: [{ ...good.policies[0], spec: { rules: [{ from: {} }] } }] },
    { ...good, policies: [null, { kind: "Service" }] },
    "[]",
    "null",
    good,
  ]);
  expect(code).toBe(2);
  expect(out).toHaveLength(2);
  expect(errors.map((line) => line.slice(file.length))).toEqual([
    expect.stringMatching(/^:1: not JSON: /),
    ':4: dataplane: Invalid option: expected one of "sidecar"|"ztunnel"',
    ':5: connection.source.ip: "10.1" is not an IP address',
    ":6: policies[0].spec.rules[0].from: Invalid input: expected array, received object",
    expect.stringMatching(
      /^:7: policies\[0\].*; policies\[1\].kind: expected kind AuthorizationPolicy or PeerAuthentication$/,
    ),
    expect.stringMatching(/^:8: /),
    expect.stringMatching(/^:9: /),
  ]);
});

test("null is as good as absent, and what plays no part is left alone", async () => {
  const [policy] = good.policies;
  const { out, errors } = await run([
    {
      ...good,
      mesh: null,
      workload: { ...good.workload, labels: null, trustDomainAliases: null },
      policies: [
        { ...policy, status: {}, spec: { ...policy?.spec, selector: null, action: null } },
        { apiVersion: "security.istio.io/v1", kind: "RequestAuthentication", metadata: { name: "jwt" } },
      ],
      connection: { ...good.connection, sni: null },
    },
  ]);
  expect(errors).toEqual([]);
  expect(out.map((line) => JSON.parse(line))).toMatchObject([
    { verdict: "allow", by: { policy: "shop/p", rule: 0 } },
  ]);
});

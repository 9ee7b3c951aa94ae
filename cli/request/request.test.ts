import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decide } from "../../policy/decide/index.ts";
import { loadModel } from "../../policy/load/index.ts";
import { connectionOf } from "../../policy/model/query.ts";
import type { Beneficiary } from "./documents.ts";
import { type RequestOptions, writeRequest } from "./request.ts";

const NOW = Date.parse("2027-01-01T10:00:20Z");
const ANN: Beneficiary = { type: "user", user: "okta:ann@example.com" };
const BASE = `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  identityProviders: { oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }] }
  defaults: { maxGrantDuration: 24h }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: orders-db }
spec: { protocol: postgres, hosts: [db.example.com], ports: [5432, 5433], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: dba }
spec: { members: { idpGroups: ["okta:dba"] } }
`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-request-"));
  writeFileSync(join(dir, "base.yaml"), BASE);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function ask(changes: Partial<RequestOptions> = {}, now = NOW): string {
  const options = {
    service: "orders-db",
    port: undefined,
    duration: "1h",
    reason: "incident 4711",
    dir,
    who: ANN,
  };
  return writeRequest(
    { ...options, owner: undefined, ticket: undefined, dryRun: false, ...changes },
    now,
    false,
  );
}

const written = (): string[] => readdirSync(dir).filter((name) => name !== "base.yaml");

describe("portreeve request", () => {
  it("writes a grant that ends by itself, and for a person a group of one; the verdict turns, and turns back", () => {
    const told = ask();
    const [file = ""] = written();
    expect(file).toMatch(/^request-orders-db-ann-[0-9a-f]{8}\.yaml$/);
    expect(told).toContain(`wrote ${join(dir, file)}`);
    expect(told).toContain("+ okta:ann@example.com gains orders-db");
    expect(told).toContain("The proxy ends it at 2027-01-01T11:01:00Z");
    const model = loadModel({ paths: [dir] });
    const verdict = (from: string, to: string, at: string) =>
      decide(model.table, connectionOf(model, { from, to, via: "proxy" }), Date.parse(at)).verdict;
    expect(verdict("okta:ann@example.com", "orders-db:5432", "2027-01-01T10:30:00Z")).toBe("allow");
    expect(verdict("okta:ann@example.com", "orders-db:5432", "2027-01-01T11:01:00Z")).toBe("deny");
    expect(verdict("okta:bob@example.com", "orders-db:5432", "2027-01-01T10:30:00Z")).toBe("deny");
  });

  it("asks for one port, for a group of the policies, with a ticket", () => {
    ask({ port: 5433, who: { type: "group", name: "dba" }, ticket: "OPS-12" });
    const [file = ""] = written();
    const text = readFileSync(join(dir, file), "utf8");
    expect(text).toContain("ports:\n      - 5433");
    expect(text).toContain("ticket: OPS-12");
    expect(text).not.toContain("kind: Group");
  });

  it("has one name for one request and another for another, and uses a person's group that is there", () => {
    ask();
    expect(() => ask()).toThrow("is there already: the same was asked before");
    ask({ reason: "another", duration: "2h" });
    expect(new Set(written()).size).toBe(2);
    const second = written().map((name) => readFileSync(join(dir, name), "utf8"));
    expect(second.filter((text) => text.includes("kind: Group"))).toHaveLength(1);
  });

  it("writes nothing that lint would refuse", () => {
    expect(() => ask({ duration: "48h" })).toThrow(/not written, because lint refuses it:\n.*PR432/);
    expect(() => ask({ who: { type: "user", user: "nosuch:ann" } })).toThrow(/nosuch/);
    expect(written()).toEqual([]);
  });

  it("tells what is wrong with the question", () => {
    expect(() => ask({ service: "orders" })).toThrow('no service "orders"; there is orders-db');
    expect(() => ask({ port: 1 })).toThrow("has no port 1; it has 5432, 5433");
    expect(() => ask({ duration: "1 hour" })).toThrow("write a time such as 30m");
    expect(() => ask({ who: { type: "group", name: "nosuch" } })).toThrow("nosuch");
    expect(() => ask({ dir: join(dir, "nosuch") })).toThrow("there is no folder");
    expect(written()).toEqual([]);
  });

  it("says where to run it, where there are no policies", () => {
    rmSync(dir, { recursive: true });
    expect(() => ask()).toThrow("run this in a clone of their repository");
  });

  it("only prints with --dry-run", () => {
    expect(ask({ dryRun: true })).toContain("kind: Grant");
    expect(written()).toEqual([]);
  });
});

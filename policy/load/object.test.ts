import { describe, expect, it } from "vitest";
import { PolicyError } from "../finding.ts";
import { loadModel } from "./index.ts";
import { callerPosition, grant, service, setPosition, trust, workload } from "./object.ts";

const estate = () =>
  trust("estate", {
    trustDomain: "prod.example.com",
    clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31" }],
  });
const db = () =>
  service("db", {
    protocol: "postgres",
    hosts: ["db.example.com"],
    ports: [5432],
    location: { type: "external" },
  });

/** The line of this file that a stack frame one above names; the reference that the builders are compared with. */
function line(): number {
  return Number(/object\.test\.ts:(\d+)/.exec(new Error().stack?.split("\n")[2] ?? "")?.[1]);
}

describe("builders", () => {
  it("remember the file and line of their call", () => {
    const here = line();
    const object = service("other", { ...db().spec, hosts: ["o.example.com"] });
    const model = loadModel({ objects: [estate(), object] });
    expect(model.services.get("other")?.position).toMatchObject({
      file: import.meta.filename,
      line: here + 1,
    });
  });

  it("give a finding in TypeScript a position", () => {
    const here = line();
    const bad = grant("g", { from: { workloads: ["shop/api"] }, to: { service: "db" } });
    try {
      loadModel({ objects: [estate(), db(), bad] });
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      expect(error.findings).toMatchObject([
        { rule: "PR111", position: { file: import.meta.filename, line: here + 1 } },
      ]);
    }
  });

  it("make the same objects as YAML does, so that both can be mixed", () => {
    const text =
      "apiVersion: portreeve.dev/v1\nkind: Workload\nmetadata: { name: api, namespace: shop }\nspec: {}\n";
    const mixed = loadModel({ texts: [{ name: "w.yaml", text }], objects: [estate(), db()] });
    expect(mixed.digest).toBe(loadModel({ objects: [db(), workload("shop/api"), estate()] }).digest);
  });

  it("say what is wrong with a workload id without a namespace", () => {
    expect(() => loadModel({ objects: [estate(), workload("api")] })).toThrow(/`metadata.namespace` \(""\)/);
  });

  it("let a builder on top of them state the place", () => {
    const position = { file: "stack.ts", line: 7, col: 3 };
    const model = loadModel({ objects: [estate(), setPosition(db(), position)] });
    expect(model.services.get("db")?.position).toEqual(position);
  });
});

describe("the caller's position", () => {
  const stackOf = (frame: string) => {
    const original = Error.prepareStackTrace;
    Error.prepareStackTrace = () => `Error\n${frame}`;
    try {
      return callerPosition(stackOf);
    } finally {
      Error.prepareStackTrace = original;
    }
  };

  it.each([
    ["    at file:///a%20b/stack.ts:3:5", "/a b/stack.ts"],
    ["    at new Plane (file:///srv/stack.ts:3:5)", "/srv/stack.ts"],
    [
      "    at Object.<anonymous> (/home/my stacks (old)/100%/stack.js:3:5)",
      "/home/my stacks (old)/100%/stack.js",
    ],
    ["    at async file:///srv/stack.ts:3:5", "/srv/stack.ts"],
  ])("is read from %s", (frame, file) => {
    expect(stackOf(frame)).toEqual({ file, line: 3, col: 5 });
  });

  it("is absent without a stack", () => {
    expect(stackOf("")).toBeUndefined();
  });
});

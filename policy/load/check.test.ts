import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PolicyError } from "../finding.ts";
import { loadDocuments, loadModel, type PolicyObject } from "./index.ts";

const head = (kind: string, name = "x") =>
  `apiVersion: portreeve.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n`;

/** `line:col rule message` of each problem of one text. */
function problems(text: string): string[] {
  return loadDocuments({ texts: [{ name: "p.yaml", text }] }).findings.map(
    ({ position, rule, message }) => `${position?.line}:${position?.col} ${rule} ${message}`,
  );
}

const TRUST = `${head("Trust", "estate")}  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  identityProviders: { oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }] }
`;

describe("a document that its schema refuses", () => {
  it("shows every problem at once, each at its place, with what was probably meant", () => {
    const text = `${head("Service")}  protocol: tpc
  ports: ["5432", 0, { port: 1, targtPort: 3 }]
  location: { typ: mesh }
  tls: { mode: simpel }
  resolution: no
  hosts:
  adresses: [10.0.0.0/8]
`;
    expect(problems(text).sort()).toEqual(
      [
        '10:3 PR104 unknown key "adresses" in `spec`; did you mean "addresses"?'.replace("10:", "11:"),
        '5:13 PR106 `spec.protocol` cannot be "tpc"; did you mean "tcp"?',
        '6:11 PR106 `spec.ports[0]` must be a number, but is the string "5432"',
        "6:19 PR107 `spec.ports[1]` (0): ports start at 1",
        '6:33 PR104 unknown key "targtPort" in `spec.ports[2]`; did you mean "targetPort"?',
        "7:13 PR105 `spec.location.type` is missing; `typ` is written: did you mean `type`?",
        '8:16 PR106 `spec.tls.mode` cannot be "simpel"; did you mean "simple"?',
        '9:15 PR106 `spec.resolution` cannot be "no"',
        "10:9 PR106 `spec.hosts` must be a list, but is empty",
      ].sort(),
    );
  });

  it.each([
    ["no kind", "a: 1", "1:1 PR103 `kind` is missing"],
    ["a kind that is no text", "kind: 5", "1:7 PR103 unknown kind 5"],
    ["a misspelt kind", "kind: Servce", '1:7 PR103 unknown kind "Servce"; did you mean "Service"?'],
    ["another apiVersion", "kind: Service\napiVersion: v1", '2:13 PR103 unknown apiVersion "v1"'],
    ["no apiVersion", "kind: Service", "1:1 PR103 `apiVersion` is missing"],
    ["a list", "- a", "1:1 PR102 a policy document is a mapping with apiVersion, kind, metadata and spec"],
    ["a word", "hello", "1:1 PR102 a policy document is a mapping with apiVersion, kind, metadata and spec"],
  ])("%s", (_, text, expected) => {
    expect(problems(text)).toEqual([expected]);
  });

  it("quotes a number as it was written, not as it was read", () => {
    const text = `${head("Trust")}  trustDomain: a.example
  clusters: [{ name: a, dataPlane: sidecar, istioVersion: 1.30 }]
`;
    const { findings } = loadDocuments({ texts: [{ name: "p", text }] });
    expect(findings.map(({ fix }) => fix)).toEqual(['put it in quotes: "1.30"']);
  });

  it("cuts long values, refuses half characters, and has no line longer than a terminal", () => {
    const long = "x".repeat(1_000_000);
    expect(
      problems(`${head("Group", long)}  members: { ${long}: 1 }`).every((line) => line.length < 250),
    ).toBe(true);
    expect(problems(`${head("Group")}  members: {}\n  owner: "\\uD800"`)).toEqual([
      "6:10 PR107 `spec.owner` holds half of a surrogate pair, which is no character",
    ]);
    expect(problems(`${head("Group")}  members: {}\n  owner: "\\uD83D\\uDE00 团队"`)).toEqual([]);
  });

  it.each([
    ["hosts", "[10.0.0.1]", "an IP address belongs in"],
    ["hosts", '["*"]', "write a DNS name"],
    ["hosts", '["a b.example.com"]', "write a DNS name"],
    ["hosts", '["${ref:db} x"]', "write a DNS name"],
    ["addresses", "[fe80::1%eth0]", "write an IPv4 or IPv6 address"],
    ["addresses", "[010.0.0.1]", "write an IPv4 or IPv6 address"],
    ["addresses", '["x${ref:a}"]', "write an IPv4 or IPv6 address"],
    ["ports", "[65536]", "ports end at 65535"],
    ["ports", "[-1]", "ports start at 1"],
    ["ports", "[]", "name at least one port"],
    ["limits", "{ idleTimeout: 1d }", "write a duration"],
    ["limits", "{ idleTimeout: 0s }", "longer than zero"],
  ])("%s: %s", (field, value, message) => {
    const rest = field === "ports" ? "" : "\n  ports: [1]";
    const text = `${head("Service")}  protocol: tcp\n  location: { type: external }\n  ${field}: ${value}${rest}\n`;
    expect(problems(text).join("\n")).toContain(message);
  });

  it.each([
    "2027-02-29",
    "2027-01-01T24:00:00Z",
    "2027-01-01T10:00:00",
    "2027-1-1",
    "tomorrow",
    "2027-01-01T10:00:60Z",
  ])("the instant %s", (instant) => {
    const text = `${head("Grant")}  from: { cidrs: [10.0.0.0/8] }\n  to: { service: a }\n  when: { expires: "${instant}" }\n`;
    expect(problems(text)).toEqual([expect.stringContaining("write an instant such as")]);
  });

  it.each([
    ["10.0.0.1/8", "did you mean 10.0.0.0/8?"],
    ["10.0.0.1", "did you mean 10.0.0.1/32?"],
    ["fd00::1/64", "did you mean fd00::/64?"],
    ["10.0.0.0/33", "CIDR notation"],
    ["10.0.0.0/08", "CIDR notation"],
    ["::1%lo/128", "CIDR notation"],
  ])("the address block %s", (cidr, message) => {
    const text = `${head("Grant")}  from: { cidrs: ["${cidr}"] }\n  to: { service: a }\n`;
    expect(problems(text).join()).toContain(message);
  });
});

describe("a policy set", () => {
  const findings = (text: string): string[] => {
    try {
      loadModel({ texts: [{ name: "p.yaml", text: `${TRUST}---\n${text}` }] });
      return [];
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      expect(error.message).not.toMatch(/\n\s+at /);
      return error.findings.map(
        ({ position, rule, message }) => `${(position?.line ?? 0) - 8}:${position?.col} ${rule} ${message}`,
      );
    }
  };
  const service = `${head("Service", "db")}  protocol: tcp\n  hosts: [db.example.com]\n  ports: [5432]\n  location: { type: external }\n`;

  it("names the first of two objects of one name", () => {
    expect(findings(`${service}---\n${service}`)).toEqual([
      "12:19 PR110 Service/db is defined twice (first at p.yaml:9:1)",
    ]);
  });

  it("tells every unknown reference, with the name that was probably meant", () => {
    const grant = `${head("Grant")}  from: { workloads: [shop/apy], groups: [dbaa], agents: [bot] }
  to: { service: dbb, ports: [1] }
`;
    const group = `${head("Group", "dba")}  members: { users: ["otka:ann"], groups: [dba] }\n`;
    const workload =
      "apiVersion: portreeve.dev/v1\nkind: Workload\nmetadata: { name: api, namespace: shop }\nspec: { clusters: [use2] }\n";
    expect(findings([service, grant, group, workload].join("---\n"))).toEqual([
      expect.stringMatching(/^14:\d+ PR111 unknown Workload "shop\/apy"; did you mean "shop\/api"\?$/),
      expect.stringMatching(/^14:\d+ PR111 unknown Group "dbaa"; did you mean "dba"\?$/),
      expect.stringMatching(/^14:\d+ PR111 unknown Agent "bot"$/),
      expect.stringMatching(/^15:\d+ PR111 unknown Service "dbb"; did you mean "db"\?$/),
      expect.stringMatching(/^21:\d+ PR111 unknown identity provider "otka"; did you mean "okta"\?$/),
      expect.stringMatching(/^21:\d+ PR302 groups contain each other: dba → dba$/),
      expect.stringMatching(/^26:\d+ PR111 unknown cluster "use2"; did you mean "use1"\?$/),
    ]);
  });

  it("stays quick when everything that is referred to is missing", () => {
    const missing = Array.from({ length: 4_000 }, (_, index) => `shop/workload-${index}`);
    const known = Array.from(
      { length: 2_000 },
      (_, i) =>
        `apiVersion: portreeve.dev/v1\nkind: Workload\nmetadata: { name: worklaod-${i}, namespace: shop }\nspec: {}\n`,
    );
    const grant = `${head("Grant")}  from: { workloads: [${missing.join(", ")}] }\n  to: { service: db }\n`;
    expect(findings([service, grant, ...known].join("---\n"))).toHaveLength(4_000);
  });

  it("a value whose constructor has no name as text is a wrong type like any other", () => {
    const name = "{ constructor: { name: { toString: 1, valueOf: 1 } } }";
    const text = `apiVersion: portreeve.dev/v1\nkind: Service\nmetadata: { name: ${name} }\nspec: ${name}\n`;
    expect(() => loadModel({ texts: [{ name: "odd.yaml", text }] })).toThrow(PolicyError);
  });

  it("any document at all ends in a PolicyError or a model, never in another exception", () => {
    const key = fc.constantFrom(
      "apiVersion",
      "kind",
      "metadata",
      "spec",
      "name",
      "from",
      "to",
      "ports",
      "tls",
      "location",
      "type",
      "mode",
      "members",
      "__proto__",
      "constructor",
    );
    const leaf = fc.oneof(
      fc.constantFrom("portreeve.dev/v1", "Service", "Grant", "Trust", "mesh", "external", "x"),
      fc.string(),
      fc.integer(),
      fc.bigInt(),
      fc.date(),
      fc.double(),
      fc.constant(null),
      fc.constant(undefined),
      fc.boolean(),
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.record({
          apiVersion: fc.constant("portreeve.dev/v1"),
          kind: fc.constantFrom("Trust", "Service", "Grant", "Agent", "Group", "Workload", "Waiver"),
          metadata: tree,
          spec: tree,
        }),
        (object) => {
          try {
            loadModel({ objects: [object as unknown as PolicyObject] });
          } catch (error) {
            expect(error).toBeInstanceOf(PolicyError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

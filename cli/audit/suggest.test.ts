/**
 * That a suggestion keeps what was used and adds nothing, over the example's policies and random use of them. Not proven: that
 * what was not used is not needed.
 */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Observations, Observed } from "../../policy/audit/index.ts";
import { type Connection, decide } from "../../policy/decide/index.ts";
import { readPolicyFiles } from "../../policy/load/files.ts";
import { loadModel } from "../../policy/load/index.ts";
import { editGrants } from "./edit-grant.ts";
import { patchOf } from "./patch.ts";
import { suggest } from "./suggest.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");
const TRUST = `apiVersion: portreeve.dev/v1
kind: Trust
metadata: { name: estate }
spec:
  trustDomain: prod.example.com
  clusters: [{ name: use1, dataPlane: sidecar, istioVersion: "1.31" }]
  identityProviders: { oidc: [{ name: okta, issuer: https://okta.example.com, audiences: [portreeve] }] }
`;
const workload = (name: string): string =>
  `---\napiVersion: portreeve.dev/v1\nkind: Workload\nmetadata: { namespace: shop, name: ${name} }\nspec: { selector: { app: ${name} } }\n`;
const OBJECTS = `${TRUST}${["api", "worker", "batch"].map(workload).join("")}---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: db }
spec: { protocol: tcp, hosts: [db.example.com], ports: [5432, 5433], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Group
metadata: { name: dba }
spec: { owner: ops, members: { idpGroups: ["okta:dba"] } }
`;
const GRANTS = `# Who may touch the database.
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: shop }
spec:
  from: { namespaces: [shop] } # the whole shop
  to: { service: db }
  owner: shop # asks for it
---
# People.
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: people }
spec:
  from:
    groups: [dba]
  to: { service: db, ports: [5432] }
---
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: office }
spec: { from: { cidrs: [10.0.0.0/8] }, to: { service: db } }
`;
const files = [
  { name: "objects.yaml", text: OBJECTS },
  { name: "grants.yaml", text: GRANTS },
];

const PRINCIPALS: readonly Pick<Connection, "principal" | "sourceIp">[] = [
  ...["api", "worker", "batch", "stranger"].map((name) => ({
    principal: { workload: `spiffe://prod.example.com/ns/shop/sa/${name}` },
    sourceIp: "192.168.0.1",
  })),
  { principal: { person: { user: "okta:ann", groups: ["okta:dba"] } }, sourceIp: "192.168.0.2" },
  { principal: {}, sourceIp: "10.1.2.3" },
  { principal: {}, sourceIp: "10.9.9.9" },
  { principal: {}, sourceIp: "172.16.0.1" },
];
const UNIVERSE: readonly Connection[] = PRINCIPALS.flatMap((who) =>
  [5432, 5433].map((port) => ({ via: "proxy" as const, service: "db", port, ...who })),
);

function observe(
  policies: readonly { name: string; text: string }[],
  connections: readonly Connection[],
): Observations {
  const { table } = loadModel({ texts: policies });
  const observed = connections.map((connection): Observed => {
    const { verdict, reason, rules } = decide(table, connection, NOW);
    const seen = { count: 1, bytes: 0, first: NOW, last: NOW, lastAt: { file: "l", line: 1 } };
    return { connection, verdict, reason, rules, ...seen };
  });
  return {
    observed,
    records: observed.length,
    covers: { from: 0, to: NOW },
    lost: 0,
    unreadable: 0,
    unattributed: 0,
    beyond: 0,
  };
}

const options = { includeDenied: false, keepUnused: false, newFile: "suggested.yaml" };
const applied = (changes: ReturnType<typeof suggest>["changes"]) => {
  const after = new Map(changes.map((change) => [change.name, change.after]));
  const kept = files.flatMap(({ name, text }) => {
    const now = after.has(name) ? after.get(name) : text;
    return now === undefined ? [] : [{ name, text: now }];
  });
  return [
    ...kept,
    ...changes.flatMap(({ name, before, after: now }) => (before === "" && now ? [{ name, text: now }] : [])),
  ];
};
const at = (name: string) => ({
  ...UNIVERSE[0],
  principal: { workload: `spiffe://prod.example.com/ns/shop/sa/${name}` },
});
const pick = (...indexes: number[]) => indexes.flatMap((index) => UNIVERSE[index] ?? []);

describe("audit suggest", () => {
  test("narrows to what was used, removes what was not, and leaves comments as they are", () => {
    const { changes } = suggest(files, observe(files, pick(0, 2)), options);
    expect(changes).toHaveLength(1);
    expect(changes[0]?.after).toBe(`# Who may touch the database.
apiVersion: portreeve.dev/v1
kind: Grant
metadata: { name: shop }
spec:
  from: { workloads: [shop/api, shop/worker] } # the whole shop
  to: { service: db, ports: [5432] }
  owner: shop # asks for it
`);
    expect(patchOf(changes)).toMatch(/^diff --git a\/grants\.yaml b\/grants\.yaml\n--- a\/grants\.yaml/);
  });

  test("keeps a namespace as long as somebody in it is no declared Workload, and one address of a range", () => {
    const { changes } = suggest(files, observe(files, pick(0, 6, 11, 10)), options);
    expect(changes[0]?.after).toMatch("from: { workloads: [shop/api], namespaces: [shop] }");
    expect(changes[0]?.after).toMatch("from: { cidrs: [10.1.2.3/32] }, to: { service: db }");
  });

  test("suggests a grant for what was denied only when asked, and for nobody whom the policies do not know", () => {
    const only = files.map(({ name, text }) => ({
      name,
      text: name === "grants.yaml" ? text.slice(text.indexOf("# People")) : text,
    }));
    const seen = observe(only, [...pick(0), { ...UNIVERSE[0], ...at("stranger") } as Connection, ...pick(8)]);
    expect(suggest(only, seen, { ...options, keepUnused: true }).changes).toEqual([]);
    const { changes, added } = suggest(only, seen, { ...options, keepUnused: true, includeDenied: true });
    expect(added).toEqual(["shop-api-db"]);
    expect(changes.map(({ name }) => name)).toEqual(["suggested.yaml"]);
    expect(changes[0]?.after).toMatch(
      /from:\s+workloads:\s+- shop\/api\s+to:\s+service: db\s+ports:\s+- 5432/,
    );
  });

  test("leaves a grant alone that allowed what the present policies would not", () => {
    const seen = observe(files, pick(8));
    const stale = seen.observed.map((one) => ({
      ...one,
      connection: { ...one.connection, principal: { person: { user: "okta:ann" } } },
    }));
    const { kept } = suggest(files, { ...seen, observed: stale }, options);
    expect(kept.find(({ grant }) => grant === "people")?.why).toMatch("lacks the person's groups");
  });

  test("whatever was used is allowed, whatever was not allowed is not, and doing it twice changes nothing", () => {
    fc.assert(
      fc.property(fc.subarray([...UNIVERSE], { minLength: 1 }), (used) => {
        const before = loadModel({ texts: files });
        const { changes } = suggest(files, observe(files, used), options);
        const texts = applied(changes);
        const after = loadModel({ texts });
        for (const connection of UNIVERSE) {
          const was = decide(before.table, connection, NOW).verdict;
          const is = decide(after.table, connection, NOW).verdict;
          if (used.includes(connection)) expect(is).toBe(was);
          if (is === "allow") expect(was).toBe("allow");
        }
        // Tight: without a use there is no grant left.
        for (const name of after.grants.keys()) {
          expect(used.some((connection) => decide(before.table, connection, NOW).rules.includes(name))).toBe(
            true,
          );
        }
        expect(suggest(texts, observe(texts, used), options).changes).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("an edit of grants", () => {
  test("is refused where a comment stands inside of what would be replaced", () => {
    const text = GRANTS.replace(
      "    groups: [dba]",
      "    groups: [dba] # on call\n    workloads: [shop/api]",
    );
    const from = { workloads: [], groups: ["dba"], agents: [], namespaces: [], cidrs: [] };
    const { byHand, text: after } = editGrants(text, [
      { type: "narrow", grant: "people", from, ports: undefined },
    ]);
    expect(byHand).toEqual(["people"]);
    expect(after).toBe(text);
  });

  test("takes a document out whole, wherever it stands", () => {
    const without = (grant: string) => editGrants(GRANTS, [{ type: "remove", grant }]).text;
    expect(without("shop")).toBe(
      `# Who may touch the database.\n${GRANTS.slice(GRANTS.indexOf("# People."))}`,
    );
    expect(without("people")).toBe(
      GRANTS.slice(0, GRANTS.indexOf("---\n# People.")) + GRANTS.slice(GRANTS.lastIndexOf("---\n")),
    );
    expect(without("office")).toBe(GRANTS.slice(0, GRANTS.lastIndexOf("---\n")));
  });

  test("of the real examples leaves valid policies", () => {
    const { files: all } = readPolicyFiles([join(import.meta.dirname, "../../examples/orders/policies")]);
    for (const name of loadModel({ texts: all }).grants.keys()) {
      const texts = all.map((file) => ({
        ...file,
        text: editGrants(file.text, [{ type: "remove", grant: name }]).text,
      }));
      expect([...loadModel({ texts }).grants.keys()], name).not.toContain(name);
    }
  });
});

import { describe, expect, test } from "vitest";
import { BREAKS, POLICIES } from "../../../test/aws/broken-chains.ts";
import { loadModel } from "../../load/index.ts";
import { compileAll } from "../index.ts";
import { awsChain, CHAIN_LINKS } from "./chain.ts";

function load(text: string) {
  const model = loadModel({ texts: [{ name: "policies.yaml", text }] });
  const [cluster] = model.trust.spec.clusters;
  if (!cluster) throw new Error("no cluster");
  return { model, cluster };
}

test("a whole chain, link by link", () => {
  const { model, cluster } = load(POLICIES);
  const chain = awsChain(model, cluster, "shop/reports", "orders-db");
  expect(chain.links).toEqual([
    { name: "service account", state: "holds", what: "shop/reports in cluster prod" },
    { name: "SPIFFE ID", state: "holds", what: "spiffe://prod.example.com/ns/shop/sa/reports" },
    { name: "association", state: "holds", what: "Pod Identity association in prod" },
    { name: "trust", state: "holds", what: "arn:aws:iam::123456789012:role/prod-shop-reports" },
    {
      name: "permission",
      state: "holds",
      what: "rds-db:connect, held by arn:aws:iam::123456789012:role/prod-shop-reports",
    },
    { name: "security group", state: "holds", what: "${ref:database} from ${ref:nodes}" },
    { name: "route", state: "holds", what: "orders.example.com through the proxy" },
    { name: "verdict", state: "holds", what: "allowed by reports-orders" },
  ]);
  expect(chain.broken).toBeUndefined();
  expect(compileAll({ model, cluster }).findings.filter(({ severity }) => severity === "error")).toEqual([]);
});

describe("a broken link", () => {
  test("is told for every link that there is", () => {
    expect(BREAKS.map(({ link }) => link)).toEqual(CHAIN_LINKS);
  });

  test.each(BREAKS)("$link: $how", ({ link, policies, reason }) => {
    const { model, cluster } = load(policies);
    const { findings } = compileAll({ model, cluster });
    const told = findings.filter(
      ({ rule, object }) => rule === "PR614" && object === "Workload/shop/reports",
    );
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      severity: "error",
      object: "Workload/shop/reports",
      position: { file: "policies.yaml" },
      message: expect.stringContaining(`the chain shop/reports → orders-db breaks at its link "${link}": `),
    });
    expect(told[0]?.message).toMatch(reason);
    expect(told[0]?.fix).toBeTruthy();
    const { broken, links } = awsChain(model, cluster, "shop/reports", "orders-db", { findings });
    expect(broken).toMatchObject({ name: link, reason: expect.stringMatching(reason) });
    expect(links.map(({ name }) => name)).toEqual(CHAIN_LINKS);
  });
});

test("the verdict is that of the instant, where one is asked for", () => {
  const { model, cluster } = load(
    POLICIES.replace("owner: team-orders }\n", 'owner: team-orders, when: { expires: "2027-01-01" } }\n'),
  );
  const at = (instant: string) =>
    awsChain(model, cluster, "shop/reports", "orders-db", { instant: Date.parse(instant) }).broken?.name;
  expect(at("2026-12-31")).toBeUndefined();
  expect(at("2027-01-02")).toBe("verdict");
});

test("without a grant the chain ends in a refusal, and nothing is wrong with the policies", () => {
  const { model, cluster } = load(POLICIES.slice(0, POLICIES.lastIndexOf("---")));
  expect(awsChain(model, cluster, "shop/reports", "orders-db").broken).toMatchObject({
    name: "verdict",
    fix: "write a Grant from shop/reports to orders-db",
  });
  expect(compileAll({ model, cluster }).findings.filter(({ rule }) => rule === "PR614")).toEqual([]);
});

test("a name that nobody knows is said", () => {
  const { model, cluster } = load(POLICIES);
  expect(() => awsChain(model, cluster, "shop/none", "orders-db")).toThrow("no Workload shop/none");
  expect(() => awsChain(model, cluster, "shop/reports", "none")).toThrow("no Service none");
});

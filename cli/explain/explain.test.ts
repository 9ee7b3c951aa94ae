import { describe, expect, it, vi } from "vitest";
import { CHAIN_LINKS } from "../../policy/compile/aws/chain.ts";
import { run } from "../program.ts";

async function explain(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const stderr = vi.spyOn(console, "error").mockImplementation((text) => {
    err += String(text);
  });
  try {
    const code = await run(["explain", ...words]);
    return { code, out, err };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

describe("explain", () => {
  const policies = "examples/orders/policies";

  it("shows the chain from a service account to its database, link by link", async () => {
    const { code, out } = await explain(policies, "analytics/reports", "orders-db");
    expect(code).toBe(0);
    expect(out).toContain("the chain analytics/reports → orders-db in cluster use1 holds:");
    const links = [...out.matchAll(/^ {4}(ok|-|\?|BROKEN) +(service account|SPIFFE ID|\w+(?: group)?) /gm)];
    expect(links.slice(0, CHAIN_LINKS.length).map(([, , link]) => link)).toEqual(CHAIN_LINKS);
  });

  it("names the first broken link, why, and what to do", async () => {
    const { code, out } = await explain(policies, "shop/worker", "cache", "--format", "json");
    const { chains } = JSON.parse(out);
    expect(code).toBe(1);
    const { broken, links } = chains[0];
    const link = links.find(({ state }: { state: string }) => state === "broken");
    expect(link.name).toBe(broken);
    expect(link.reason).toMatch(/\S/);
    expect(link.fix).toMatch(/\S/);
  });

  it("shows no chain where nothing of AWS is concerned", async () => {
    const { out } = await explain(policies, "shop/api", "catalog-db");
    expect(out).toContain("allowed");
    expect(out).not.toContain("the chain");
  });

  it("says how it is called when words are missing or too many", async () => {
    for (const words of [["shop/api"], ["a", "b", "c", "d"]]) {
      const { code, err } = await explain(...words);
      expect(code).toBe(2);
      expect(err).toContain("explain takes [path] <from> <to>");
    }
  });
});

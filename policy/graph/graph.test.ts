import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AccessChange } from "../diff/change.ts";
import type { AccessRow } from "../model/types.ts";
import { accessLinks, graphOfAccess } from "./access.ts";
import { graphOfDiff } from "./diff.ts";
import { type EdgeState, type Graph, graphOf } from "./graph.ts";
import { workloadNode } from "./nodes.ts";
import { collapseToFit, firstView, fits, viewOf } from "./view.ts";

const row = (from: string, service: string, more: Partial<AccessRow> = {}): AccessRow => ({
  action: "allow",
  from,
  fromKind: "workload",
  service,
  port: 5432,
  via: "proxy",
  point: "proxy",
  conditions: [],
  grant: "g",
  position: undefined,
  ...more,
});
const change = (from: string, to: string, what: AccessChange["change"]): AccessChange => ({
  change: what,
  from,
  fromKind: "workload",
  to,
  ports: "5432",
  via: ["proxy"],
  before: what === "gained" ? [] : ["via proxy"],
  after: what === "lost" ? [] : ["via proxy"],
  widens: what === "gained",
  because: [{ object: "Grant/g", what: "changed", position: { file: "p.yaml", line: 3, col: 1 } }],
  targets: [],
  owner: "data",
  risks: [],
});

describe("the graph of an access table", () => {
  it("has an edge for each pair with its ports, and none for a deny alone; a service is no workload of its name", () => {
    const { nodes, edges } = graphOfAccess("t", [
      row("shop/api", "db"),
      row("shop/api", "db", { port: 5433, action: "deny", grant: "no" }),
      row("shop/job", "db", { action: "deny" }),
      row("db", "db", { fromKind: "user" }),
    ]);
    expect(nodes.map(({ id, group }) => `${group}: ${id}`)).toEqual([
      "people: who db",
      "services: service db",
      "shop: who shop/api",
    ]);
    expect(edges.find(({ from }) => from === "who shop/api")).toMatchObject({
      label: "5432",
      state: "same",
      details: ["5432 allowed by proxy: Grant/g", "5433 denied by proxy: Grant/no"],
    });
  });
});

describe("the graph of a difference", () => {
  it("has each change with its cause, and what is the same besides", () => {
    const after = accessLinks([row("shop/api", "db"), row("shop/web", "db")]);
    const changes = [change("shop/web", "db", "gained"), change("shop/job", "db", "lost")];
    const { edges } = graphOfDiff("t", changes, after, "policies");
    expect(edges.map(({ from, state }) => `${from} ${state}`)).toEqual([
      "who shop/api same",
      "who shop/job lost",
      "who shop/web gained",
    ]);
    expect(edges[2]?.details).toEqual(["via proxy", "because: p.yaml:3:1 Grant/g changed", "owner: data"]);
  });
});

const STATES: readonly EdgeState[] = ["same", "gained", "lost", "changed"];
const anyGraph = fc
  .array(
    fc.record({
      from: fc.nat(30),
      to: fc.nat(30),
      state: fc.constantFrom(...STATES),
      label: fc.constantFrom("1", "2"),
    }),
    { maxLength: 60 },
  )
  .map(
    (links): Graph =>
      graphOf(
        "any",
        links.map(({ from, to, state, label }) => ({
          from: workloadNode(`n${from % 5}/w${from}`),
          to: workloadNode(`n${to % 5}/w${to}`),
          state,
          label,
          details: [],
        })),
      ),
  );

describe("a view", () => {
  it("has every edge that it should, once or counted, whatever is collapsed or hidden", () => {
    fc.assert(
      fc.property(
        anyGraph,
        fc.subarray(["n0", "n1", "n2", "n3", "n4"]),
        fc.boolean(),
        (graph, names, hide) => {
          const collapsed = new Set(names);
          const view = viewOf(graph, { collapsed, hideUnchanged: hide, focus: undefined });
          const expected = graph.edges.filter(({ state }) => !hide || state !== "same");
          expect(view.edges.reduce((sum, { count }) => sum + count, 0)).toBe(expected.length);
          const ids = new Set(view.nodes.map(({ id }) => id));
          for (const { from, to } of view.edges) expect(ids.has(from) && ids.has(to)).toBe(true);
          // No change is hidden behind what is the same.
          expect(view.edges.some(({ state }) => state !== "same")).toBe(
            expected.some(({ state }) => state !== "same"),
          );
        },
      ),
    );
  });

  it("around a name has its edges alone", () => {
    fc.assert(
      fc.property(anyGraph, fc.nat(30), (graph, n) => {
        const focus = `who n${n % 5}/w${n}`;
        const view = viewOf(graph, { collapsed: new Set(), hideUnchanged: false, focus });
        const own = graph.edges.filter(({ from, to }) => from === focus || to === focus);
        expect(view.edges.reduce((sum, { count }) => sum + count, 0)).toBe(own.length);
      }),
    );
  });

  it("of a large graph fits, and begins with the changes", () => {
    const links = Array.from({ length: 2000 }, (_, n) => ({
      from: workloadNode(`team-${n % 20}/app-${n % 500}`),
      to: workloadNode(`data-${n % 7}/db-${(n * 7) % 500}`),
      state: n % 100 === 0 ? ("gained" as const) : ("same" as const),
      label: "5432",
      details: [],
    }));
    const graph = graphOf("large", links);
    const first = firstView(graph);
    expect(first.hideUnchanged).toBe(true);
    const view = viewOf(graph, first);
    expect(fits(view)).toBe(true);
    expect(view.edges.reduce((sum, { count }) => sum + count, 0)).toBe(20);
    const all = viewOf(graph, { ...first, collapsed: collapseToFit(graph, false), hideUnchanged: false });
    expect(fits(all)).toBe(true);
  });
});

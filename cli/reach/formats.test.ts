import { expect, test } from "vitest";
import type { Access } from "../../policy/reach/index.ts";
import { ALL_PORTS, everyPortOf, portsOf } from "../../policy/sets/ports.ts";
import { FORMATS, render } from "./formats.ts";

const rows: Access[] = [
  {
    src: "shop/api",
    dst: "shop/db",
    ports: portsOf("TCP", 5432),
    restrictedBy: ["NetworkPolicy", "Istio"],
    dependsOnAddress: false,
  },
  {
    src: "shop/api",
    dst: "shop/web",
    ports: everyPortOf("UDP"),
    restrictedBy: ["Istio"],
    dependsOnAddress: true,
  },
  {
    src: "external:10.0.0.0-10.255.255.255",
    dst: "shop/web",
    ports: ALL_PORTS,
    restrictedBy: [],
    dependsOnAddress: false,
  },
];

test("one answer in every format", () => {
  expect(
    render(rows, "table", false),
  ).toBe(`SOURCE                            DESTINATION  PORTS            RESTRICTED BY
shop/api                          shop/db      TCP 5432         NetworkPolicy, Istio
shop/api                          shop/web     UDP 1-65535 *    Istio
external:10.0.0.0-10.255.255.255  shop/web     All Connections  -

* from some addresses only: a policy with ipBlocks decides, and pods' addresses are not known
`);
  expect(JSON.parse(render(rows, "json", false))).toEqual({
    connections: rows.map((row, i) => ({ ...row, ports: ["TCP 5432", "UDP 1-65535", "All Connections"][i] })),
  });
  expect(render(rows, "dot", false)).toBe(`digraph reach {
  rankdir=LR;
  "shop/api" [shape=box];
  "shop/db" [shape=box];
  "shop/web" [shape=box];
  "external:10.0.0.0-10.255.255.255" [shape=ellipse];
  "shop/api" -> "shop/db" [label="TCP 5432"];
  "shop/api" -> "shop/web" [label="UDP 1-65535 *"];
  "external:10.0.0.0-10.255.255.255" -> "shop/web" [label="All Connections", style=dashed];
}
`);
  expect(render(rows, "mermaid", false)).toBe(`flowchart LR
  n0["shop/api"]
  n1["shop/db"]
  n2["shop/web"]
  n3(["external:10.0.0.0-10.255.255.255"])
  n0 -->|"TCP 5432"| n1
  n0 -->|"UDP 1-65535 *"| n2
  n3 -.->|"All Connections"| n2
`);
});

test("colour only makes the header bold", () => {
  const [plain = "", ...plainRows] = render(rows, "table", false).split("\n");
  const [bold = "", ...boldRows] = render(rows, "table", true).split("\n");
  expect(bold).toBe(`\u001b[1m${plain}\u001b[22m`);
  expect(boldRows).toEqual(plainRows);
});

test("no connection at all is said in words, or is an empty graph", () => {
  expect(FORMATS.map((format) => render([], format, false))).toEqual([
    "Nothing can reach anything.\n",
    '{\n  "connections": []\n}\n',
    "digraph reach {\n  rankdir=LR;\n}\n",
    "flowchart LR\n",
  ]);
});

test("names cannot break out of a graph's quotes", () => {
  const odd: Access[] = [
    { src: 'a/"x\\', dst: "b/y", ports: ALL_PORTS, restrictedBy: [], dependsOnAddress: false },
  ];
  expect(render(odd, "dot", false)).toContain('"a/\\"x\\\\" -> "b/y"');
  expect(render(odd, "mermaid", false)).toContain('n0["a/#quot;x\\"]');
});

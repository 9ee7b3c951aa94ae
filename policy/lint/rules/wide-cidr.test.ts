import { describe, expect, it } from "vitest";
import { breachesOf, documentText, NOW, serviceText } from "../../../test/lint/breaches.ts";
import { wideCidr } from "./wide-cidr.ts";

describe("wide address blocks", () => {
  const db = serviceText(
    "db",
    "{ protocol: tcp, hosts: [db.example.com], ports: [1], location: { type: external } }",
  );
  const severity = (cidr: string, rest = "") =>
    breachesOf(
      wideCidr,
      db + documentText("Grant", "g", `{ from: { cidrs: ["${cidr}"] }, to: { service: db }${rest} }`),
    ).map((line) => line.split(" ")[1]);

  it.each([
    ["0.0.0.0/0", ["error"]],
    ["8.0.0.0/7", ["error"]],
    ["10.0.0.0/8", ["warning"]],
    ["10.0.0.0/15", ["warning"]],
    ["10.0.0.0/16", []],
    ["10.0.0.1/32", []],
    ["::/0", ["error"]],
    ["2001:d00::/31", ["error"]],
    ["2001:db8::/32", ["warning"]],
    ["fd00::/47", ["warning"]],
    ["fd00::/48", []],
  ])("%s", (cidr, expected) => {
    expect(severity(cidr)).toEqual(expected);
  });

  it("may be as wide as they like in a deny", () => {
    expect(severity("0.0.0.0/0", ", action: deny")).toEqual([]);
  });

  it("are found in the addresses of an API server too", () => {
    const trust = documentText(
      "Trust",
      "estate",
      '{ trustDomain: a.example, clusters: [{ name: a, dataPlane: sidecar, istioVersion: "1.31", apiServerCidrs: [0.0.0.0/0] }] }',
    );
    expect(breachesOf(wideCidr, trust)).toEqual([
      expect.stringContaining("error workloads of a may reach, as API server,"),
    ]);
  });

  it("is judged the same at any time", () => {
    const text = db + documentText("Grant", "g", "{ from: { cidrs: [10.0.0.0/8] }, to: { service: db } }");
    expect(breachesOf(wideCidr, text, NOW + 1e12)).toEqual(breachesOf(wideCidr, text));
  });
});

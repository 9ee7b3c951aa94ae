import { describe, expect, it } from "vitest";
import { entry, findingsIn, rulesIn } from "./mesh.fixture.ts";

describe("PR543: TCP services on one listener", () => {
  it("are told at the later one, with the other", () => {
    expect(findingsIn(entry("a", "") + entry("b", ""))).toEqual([
      "PR543 ServiceEntry/shop/b: b.example.com:5432 shares a listener with a.example.com (ServiceEntry shop/a): a TCP connection does not say which of them it is for",
    ]);
  });

  it.each([
    ["another port", "", "", "9000", []],
    ["addresses of their own", "addresses: [240.0.0.1]", "addresses: [240.0.0.2]", "5432", []],
    ["one address", "addresses: [240.0.0.1]", "addresses: [240.0.0.9, 240.0.0.1]", "5432", ["PR543"]],
    ["an address and none", "addresses: [240.0.0.1]", "", "5432", []],
    ["no client sees both", "exportTo: [web]", "exportTo: [.]", "5432", []],
    ["one sees both", "exportTo: [web]", "exportTo: ['*']", "5432", ["PR543"]],
    ["nobody sees one of them", "exportTo: ['~']", "", "5432", []],
  ])("%s", (_, a, b, port, expected) => {
    expect(rulesIn(entry("a", a) + entry("b", b, port))).toEqual(expected);
  });

  it("are told apart by the server name of TLS", () => {
    const tls = (name: string) => entry(name, "").replace("protocol: TCP", "protocol: TLS");
    expect(rulesIn(tls("a") + tls("b"))).toEqual([]);
  });
});

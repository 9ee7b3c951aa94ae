import { describe, expect, it } from "vitest";
import { parseAsked, unlisted } from "./target.ts";

describe("a service as somebody names it", () => {
  it("is a name, and a port where one is given", () => {
    expect(parseAsked("orders-db")).toEqual({ service: "orders-db", port: undefined });
    expect(parseAsked("orders-db:5432")).toEqual({ service: "orders-db", port: 5432 });
  });

  it.each([
    "orders-db:0",
    "orders-db:70000",
    "Orders",
    "",
    "a/../b",
    "orders-db:5432 HTTP/1.1",
    "orders-db:5432\r\nX: y",
    "-x",
    "a.b",
  ])("is refused as %j, which could be read as something else", (text) => {
    expect(() => parseAsked(text)).toThrow("write SERVICE or SERVICE:PORT");
  });
});

describe("a service that is not among those that somebody may reach", () => {
  const listed = [{ service: "orders-db" }, { service: "reports-db" }];

  it("is told with the one whose name is nearly the same, as it is most likely a slip", () => {
    expect(unlisted("order-db", listed)).toContain("you may reach: orders-db");
  });

  it("is told with how to ask in every case: the proxy does not say which services there are", () => {
    expect(unlisted("cache", listed)).not.toContain("you may reach:");
    expect(unlisted("cache", listed)).toContain("portreeve request cache");
    expect(unlisted("order-db", listed)).toContain("portreeve request order-db");
  });
});

/** What is told of a changed access table. That the engine hands over the last deployment's is tested in test/preview-diff. */
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { AccessRow } from "../policy/model/types.ts";
import { accessInput, accessMessage } from "./access-report.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");
const row = (from: string, more: Partial<AccessRow> = {}): AccessRow => ({
  action: "allow",
  from,
  fromKind: "workload",
  service: "db",
  port: 5432,
  via: "proxy",
  point: "proxy",
  conditions: [],
  grant: "g",
  position: undefined,
  ...more,
});

describe("accessMessage", () => {
  it("is nothing for the same access, and the changes with counts otherwise", () => {
    expect(accessMessage([row("shop/api")], [row("shop/api", { grant: "renamed" })], NOW)).toBeUndefined();
    expect(accessMessage([], [], NOW)).toBeUndefined();
    expect(accessMessage([], [row("shop/api")], NOW)).toBe(
      "access: 1 gained; 1 let somebody reach more\n+ shop/api gains db:5432 via proxy (Grant/g added)",
    );
  });

  it("says for a first deployment how many connections it allows; a deny is none, and two ways are one", () => {
    const rows = [
      row("shop/api"),
      row("shop/api", { via: "mesh", point: "sidecar" }),
      row("shop/job", { action: "deny" }),
    ];
    expect(accessMessage(undefined, rows, NOW)).toMatch(
      /^access: first deployment: 1 connection becomes allowed\n/,
    );
  });

  it("is bounded in lines and in their length, with a count", () => {
    const many = Array.from({ length: 60 }, (_, n) => row(`shop/w${n}`, { service: `db-${n}` }));
    const lines = accessMessage([], many, NOW)?.split("\n") ?? [];
    expect(lines).toHaveLength(22);
    expect(lines.at(-1)).toBe("…and 40 more: pulumi preview --diff lists them, portreeve diff tells why");
    const long = accessMessage([], [row(`shop/${"w".repeat(5000)}`)], NOW) ?? "";
    expect(long.length).toBeLessThan(500);
  });

  it("tells nothing of a table that is a secret, and says when it cannot compare", () => {
    expect(accessMessage(pulumi.secret([row("shop/api")]), [row("shop/web")], NOW)).toBe(
      "access: the last deployment's table is a secret, so what changes is not told",
    );
    expect(accessMessage([{ of: "another version" }], [row("shop/web")], NOW)).toMatch(/cannot be compared/);
    expect(accessMessage([row("shop/api", { conditions: ["on Sundays"] })], [], NOW)).toMatch(
      /cannot be compared \(access table: unknown condition "on Sundays" of g\)/,
    );
  });
});

describe("accessInput", () => {
  it("has the rows of each pair, without positions", () => {
    const api = row("shop/api", { position: { file: "/home/me/p.yaml", line: 1, col: 1 } });
    const mesh = row("shop/api", { via: "mesh", point: "sidecar" });
    const { position: _, ...plain } = api;
    const { position: __, ...plainMesh } = mesh;
    expect(accessInput([api, mesh])).toEqual({ "shop/api → db:5432": [plain, plainMesh] });
  });
});

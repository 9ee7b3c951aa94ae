import { expect, test } from "vitest";
import type { ProxyRule } from "../../policy/compile/proxy/config.ts";
import { loginUser, stillOpen } from "./login-user.ts";

const rule = (id: string, loginUsers?: string[]): ProxyRule => ({
  id,
  action: "allow",
  service: "db",
  subjects: { workloads: [], namespaces: [], cidrs: [], users: [], idpGroups: [], awsRoles: [], agents: [] },
  when: {},
  limits: {},
  ...(loginUsers && { loginUsers }),
});

test("the user is the rule's first, or the one that the client asks for if the rule opens it", () => {
  expect(loginUser([rule("a", ["app", "admin"])], undefined)).toEqual({ ok: true, user: "app" });
  expect(loginUser([rule("a", ["app", "admin"])], "admin")).toEqual({ ok: true, user: "admin" });
  expect(loginUser([rule("a", ["app", "admin"])], "postgres")).toEqual({ ok: true, user: "app" });
});

test("of a chain it is one that every link opens, the innermost's first", () => {
  const person = rule("dba", ["admin", "reader"]);
  const agent = rule("triage", ["reader", "app"]);
  expect(loginUser([person, agent], "admin")).toEqual({ ok: true, user: "reader" });
  expect(loginUser([rule("x", ["a"]), rule("y", ["b"])], "a")).toEqual({
    ok: false,
    why: "no database user is open to the whole chain (x: a; y: b)",
  });
});

test("a rule without users opens none", () => {
  expect(loginUser([rule("a"), rule("b", ["app"])], "app").ok).toBe(false);
  expect(loginUser([], "app").ok).toBe(false);
  expect(stillOpen([], "app")).toBe(false);
  expect(stillOpen([rule("a", ["app"]), rule("b", ["app", "x"])], "app")).toBe(true);
  expect(stillOpen([rule("a", ["app"]), rule("b", ["x"])], "app")).toBe(false);
});

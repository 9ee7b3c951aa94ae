import { expect, test } from "vitest";
import { agentSchema, ruleSchema } from "../../policy/compile/proxy/config-rule.ts";
import type { PlaceRequest } from "../connect/place.ts";
import { PlaceBook } from "../connect/place-book.ts";
import { refusalMessage, sentence } from "./refusal.ts";

const agent = (limits: object) => agentSchema.parse({ name: "bot", owner: "okta:alice", ...limits });
const rule = (limits: object) =>
  ruleSchema.parse({
    id: "dba",
    action: "allow",
    service: "db",
    subjects: { cidrs: ["10.0.0.0/8"] },
    limits,
  });

/** What the last of so many is told that ask for a place with these bounds. */
function told(bounds: Partial<PlaceRequest>, asking = 2): string {
  const book = new PlaceBook(() => 0);
  const request: PlaceRequest = {
    service: "db",
    serviceLimits: { queue: 0 },
    principalKey: "alice",
    rules: [],
    agent: undefined,
    perPrincipal: undefined,
    ...bounds,
  };
  let why = "";
  for (let index = 0; index < asking; index++) {
    const asker = {
      placeGranted() {},
      placeQueued() {},
      placeRefused(reached: string) {
        why = reached;
      },
    };
    book.place(request, asker).ask();
  }
  expect(why).not.toBe("");
  return sentence("limit", "db", why);
}

test.each<[string, Partial<PlaceRequest>, string, number?]>([
  ["the service's", { serviceLimits: { maxConnections: 1, queue: 0 } }, "the service takes no more"],
  ["the queue's", { serviceLimits: { maxConnections: 1, queue: 1 } }, "as many wait for it as may", 3],
  [
    "one principal's at the service",
    { serviceLimits: { maxConnectionsPerPrincipal: 1, queue: 0 } },
    "you have as many to it as one may have",
  ],
  ["one principal's", { perPrincipal: 1 }, "you have as many as one may have, over all services"],
  [
    "the agent's",
    { agent: agent({ maxConnections: 1 }) },
    "agent bot has as many as it may, over all services",
  ],
  [
    "the agent's rate",
    { agent: agent({ connectionsPerMinute: 1 }) },
    "agent bot has made as many in a minute as it may",
  ],
  ["the rule's", { rules: [rule({ maxConnections: 1 })] }, "rule dba takes no more"],
  [
    "the rule's for each principal",
    { rules: [rule({ maxConnectionsPerPrincipal: 1 })] },
    "rule dba lets you have no more",
  ],
  [
    "the rule's rate",
    { rules: [rule({ connectionsPerMinutePerPrincipal: 1 })] },
    "rule dba lets you make no more in this minute",
  ],
])("who is refused is told that it is %s bound", (_, bounds, words, asking) => {
  expect(told(bounds, asking)).toBe(`too many connections to db: ${words}`);
});

test("who waited in vain is told so, and a client reads it in its own protocol", () => {
  expect(sentence("queue-timeout", "db")).toBe(
    "too many connections to db: none of its places became free in time",
  );
  const message = refusalMessage("postgres", "limit", "db", "c-1", 0, "agent bot");
  expect(message && Buffer.from(message).toString()).toContain(
    "C53300\0Mportreeve: too many connections to db: agent bot has as many as it may, over all services (connection c-1)",
  );
});

test("what is no bound adds nothing, and nothing of it is told", () => {
  expect(sentence("limit", "db", "ECONNREFUSED 10.0.0.1")).toBe("too many connections to db");
  expect(sentence("denied", "db", "rule secret")).toBe("access to db is denied");
});

/** Our evaluation against an independent simulator, wherever ours says yes or no. */
import { describe, expect, test } from "vitest";
import { allowed } from "../../../test/aws/simulate.ts";
import { evaluate } from "./evaluate.ts";
import { readIamDocument } from "./iam-text.ts";
import type { IamDocument } from "./objects.ts";

const ACCOUNT = "111122223333";
const USER = `arn:aws:rds-db:eu-central-1:${ACCOUNT}:dbuser`;
const one = (statement: object) => ({ Version: "2012-10-17", Statement: [statement] });
const allow = (Action: string, Resource: string, Condition?: object) =>
  one({ Effect: "Allow", Action, Resource, ...(Condition && { Condition }) });
const tag = (operator: string, value: string) => ({ [operator]: { "aws:PrincipalTag/team": value } });

const documents: Record<string, object> = {
  exact: allow("rds-db:connect", `${USER}:cluster-A/app`),
  "any user": allow("rds-db:connect", `${USER}:cluster-A/*`),
  "one sign": allow("rds-db:connect", `${USER}:cluster-?/app`),
  "any action, in another case": allow("RDS-DB:*", `${USER}:cluster-A/app`),
  "all but one": one({ Effect: "Allow", Action: "rds-db:connect", NotResource: `${USER}:cluster-A/admin` }),
  "all actions but those of a service": one({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }),
  "all actions but this": one({ Effect: "Allow", NotAction: "rds-db:*", Resource: "*" }),
  "a tag": allow("rds-db:connect", "*", tag("StringEquals", "shop")),
  "a tag by pattern": allow("rds-db:connect", "*", tag("StringLike", "sh*")),
  "a pattern that is none": allow("rds-db:connect", "*", tag("StringEquals", "sh*")),
  "not a tag": allow("rds-db:connect", "*", tag("StringNotEquals", "shop")),
  "a tag if there is one": allow("rds-db:connect", "*", tag("StringEqualsIfExists", "shop")),
  "a deny": {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "rds-db:connect", Resource: "*" },
      { Effect: "Deny", Action: "*", Resource: `${USER}:cluster-A/admin` },
    ],
  },
};
const resources = ["cluster-A/app", "cluster-A/admin", "cluster-B/app", "cluster-AB/app"];
const teams = [undefined, "shop", "ship", "sh*"];

describe.each(Object.keys(documents))("%s", (name) => {
  test.each(resources)("on %s", async (path) => {
    const document = documents[name];
    const resource = `${USER}:${path}`;
    for (const team of teams) {
      const context = { "aws:PrincipalTag/team": team };
      const answer = evaluate(readIamDocument(document), { action: "rds-db:connect", resource, context });
      const truth = await allowed(
        {
          principal: `arn:aws:iam::${ACCOUNT}:role/api`,
          action: "rds-db:connect",
          resource,
          account: ACCOUNT,
          context: team === undefined ? {} : { "aws:PrincipalTag/team": team },
        },
        { permissions: [document as unknown as IamDocument] },
      );
      expect({ team, answer }).toEqual({ team, answer: truth ? "yes" : "no" });
    }
  });
});

test("what hangs on the call is not guessed", () => {
  const ask = (document: object) =>
    evaluate(readIamDocument(document), { action: "rds-db:connect", resource: `${USER}:c/a`, context: {} });
  expect(ask(allow("rds-db:connect", "*", tag("StringEquals", "shop")))).toBe("unknown");
  expect(ask(allow("rds-db:connect", "*", { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } }))).toBe("unknown");
  expect(ask(allow("rds-db:connect", "${ref:database}"))).toBe("unknown");
});

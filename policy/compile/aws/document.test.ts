/** Splitting and the canonical form against a plain reading of the same statements. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../model/canonical.ts";
import { documentChars, iamDocument, MAX_POLICY_CHARS, splitDocuments } from "./document.ts";
import type { IamDocument, IamStatement } from "./objects.ts";

const user = (name: string) => `arn:aws:rds-db:x:1:dbuser:c/${name}`;
const named = fc
  .tuple(fc.integer({ min: 0, max: 400 }), fc.constantFrom(1, 10, 60, 400))
  .map(([number, length]) => user(`${number}${"u".repeat(length)}`));
/** Long names first: where a statement is cut in halves, one half is far longer than the other. */
const uneven = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 60 }), fc.constantFrom(100, 400))
  .map(([long, short, length]) => [
    ...Array.from({ length: long }, (_, index) => user(`a${index}${"u".repeat(length)}`)),
    ...Array.from({ length: short + 1 }, (_, index) => user(`z${index}`)),
  ]);
const window = fc.constantFrom<IamStatement["Condition"]>(undefined, {
  DateLessThan: { "aws:CurrentTime": "2027-01-01T00:00:00Z" },
});
/** Sids are distinct before the split, as the compiler makes them. */
const statements = fc
  .array(
    fc.record({
      actions: fc.uniqueArray(fc.constantFrom("rds-db:connect", "elasticache:Connect"), { minLength: 1 }),
      resources: fc.oneof(fc.array(named, { minLength: 1, maxLength: 60 }), uneven),
      condition: window,
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((list) =>
    list.map(
      ({ actions, resources, condition }, index): IamStatement => ({
        Sid: `Grant${index}`,
        Effect: "Allow",
        Action: actions,
        Resource: resources,
        ...(condition && { Condition: condition }),
      }),
    ),
  );

/** Every single thing that is allowed, as text. */
function allowedBy(list: readonly IamStatement[]): string[] {
  const all = list.flatMap(({ Action, Resource = [], Condition }) =>
    Action.flatMap((action) => Resource.map((one) => `${action} ${one} ${JSON.stringify(Condition ?? {})}`)),
  );
  return [...new Set(all)].sort();
}
const together = (documents: readonly IamDocument[]) => documents.flatMap(({ Statement }) => Statement);

test("split documents allow exactly what the statements allow, each within IAM's limit, each Sid once", () => {
  fc.assert(
    fc.property(statements, (list) => {
      const documents = splitDocuments(list);
      expect(allowedBy(together(documents))).toEqual(allowedBy(list));
      for (const document of documents) {
        expect(JSON.stringify(document).length).toBeLessThanOrEqual(MAX_POLICY_CHARS);
        const sids = document.Statement.map(({ Sid }) => Sid);
        expect(new Set(sids).size).toBe(sids.length);
      }
    }),
    { numRuns: 300 },
  );
});

test("no second document is begun for what the first could hold", () => {
  fc.assert(
    fc.property(statements, (list) => {
      const whole = iamDocument(list);
      if (documentChars(whole) <= MAX_POLICY_CHARS) expect(splitDocuments(list)).toEqual([whole]);
    }),
  );
});

test("documents are the same text however the statements were listed, and when they are read back and written again", () => {
  const shuffles = statements.chain((list) =>
    fc.record({
      list: fc.constant(list),
      shuffled: fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 }).chain((both) =>
        fc.tuple(
          ...both.map((statement) =>
            fc
              .shuffledSubarray([...(statement.Resource ?? [])], {
                minLength: statement.Resource?.length ?? 0,
              })
              .map((Resource): IamStatement => ({ ...statement, Resource })),
          ),
        ),
      ),
    }),
  );
  fc.assert(
    fc.property(shuffles, ({ list, shuffled }) => {
      const text = splitDocuments(list).map(canonicalJson);
      expect(splitDocuments(shuffled).map(canonicalJson)).toEqual(text);
      const again = text.map((one) => iamDocument((JSON.parse(one) as IamDocument).Statement));
      expect(again.map(canonicalJson)).toEqual(text);
    }),
    { numRuns: 200 },
  );
});

test("one resource that is longer than a document is not cut", () => {
  const Resource = [`arn:aws:rds-db:x:1:dbuser:c/${"u".repeat(MAX_POLICY_CHARS)}`];
  expect(
    splitDocuments([{ Sid: "Long", Effect: "Allow", Action: ["rds-db:connect"], Resource }]),
  ).toHaveLength(1);
});

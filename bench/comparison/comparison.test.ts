import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readChanges } from "./changes.ts";
import { judge, readJudgements, row } from "./judge.ts";
import { page, pageFile } from "./page.ts";
import { readResults } from "./results.ts";
import { accessBy, says } from "./tools/portreeve.ts";

// The other tools' cells are what the stored run says; only `run.ts` asks them again.

const changes = readChanges();
const results = readResults();

test("the page is what the stored run and the judgements say", () => {
  expect(readFileSync(pageFile, "utf8")).toBe(page(changes, results));
});

test("every judgement is about a line of the stored run", () => {
  const unused = readJudgements().filter(
    ({ change, tool, says: beginning }) =>
      !results.cells[change]?.[tool]?.says.some((line) => line.startsWith(beginning)),
  );
  expect(unused).toEqual([]);
});

test("a line that nobody judged stops the page", () => {
  const [change] = changes;
  if (!change) throw new Error("no change sets");
  const cell = { says: ["something new"], milliseconds: 1 };
  expect(() => judge(change, "istioctl", cell, readJudgements())).toThrow(
    "does not value what istioctl says",
  );
});

describe.each(changes)("$id", (change) => {
  test("Portreeve says today what the page says that it says", () => {
    expect(says(change)).toEqual(results.cells[change.id]?.["Portreeve"]?.says);
  });

  test("no row of the access difference is untrue, and no row of truth is left out", () => {
    const rows = accessBy(change).map(row);
    const truth = change.truth.access.map(row);
    // A plaintext client that a STRICT server refuses is told by lint: reach follows policies, not what is on the wire.
    expect(rows.sort()).toEqual(change.id === "06-destination-rule-plaintext" ? [] : truth.sort());
  });
});

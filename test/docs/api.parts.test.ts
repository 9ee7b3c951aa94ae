/**
 * The API reference can be made, every public export in it has a docstring, and every link in one leads somewhere. It stands with
 * the long tests because it compiles the sources; it needs no real part. Whether a docstring is right it cannot tell.
 */
import type { Application, ProjectReflection } from "typedoc";
import { beforeAll, expect, test } from "vitest";
import { readApi, undocumented } from "../../scripts/generated/api.ts";

let app: Application;
let project: ProjectReflection;
beforeAll(async () => {
  ({ app, project } = await readApi());
});

test("every public export and every member of one says what it is", () => {
  expect(project.children?.map(({ name }) => name).sort()).toEqual(["components", "policy", "testing"]);
  expect(undocumented(project)).toEqual([]);
  app.validate(project);
  expect([app.logger.warningCount, app.logger.validationWarningCount, app.logger.errorCount]).toEqual([
    0, 0, 0,
  ]);
});

test("an export, or a member, without a docstring is named", () => {
  const [entry] = project.children ?? [];
  const exported = entry?.children?.find(({ comment, children }) => comment && children?.[0]?.comment);
  const member = exported?.children?.[0];
  if (!exported || !member) throw new Error("no export with a documented member");
  delete exported.comment;
  delete member.comment;
  expect(undocumented(project)).toEqual([exported.getFullName(), member.getFullName()].sort());
});

/**
 * What CI runs where a project has not installed the package is the version that came with the action or template: a
 * reference to a tag of this repository that ran whatever was published last would pin nothing.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const root = join(import.meta.dirname, "../..");
const read = (name: string): string => readFileSync(join(root, name), "utf8");
const { version } = z.object({ version: z.string() }).parse(JSON.parse(read("package.json")));

it("the action's default is the package's version; on a release both change together", () => {
  const action = z.object({ inputs: z.object({ version: z.object({ default: z.string() }) }) });
  expect(action.parse(parse(read("action.yml"))).inputs.version.default).toBe(version);
});

it("so is the GitLab template's", () => {
  const template = z.object({ variables: z.object({ PORTREEVE_VERSION: z.string() }) });
  expect(template.parse(parse(read("ci-templates/gitlab.yml"))).variables.PORTREEVE_VERSION).toBe(version);
});

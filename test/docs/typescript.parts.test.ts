/**
 * TypeScript that a page shows compiles against the package's own types, under the project's strict settings. What a page takes for
 * granted (a database, the arguments of a plane) is declared here. Not run: only its types are looked at.
 */
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { blocks, pages, ROOT, read } from "./markdown.ts";

const GIVEN = [
  'import type * as given from "@pulumi/pulumi";',
  "declare const db: { readonly endpoint: given.Output<string> };",
  'declare const args: import("portreeve").AccessPlaneArgs;',
  "declare const json: string;",
];
/** Imports that a page leaves out because it only shows one line. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  AccessPlane: 'import { AccessPlane } from "portreeve";',
  pulumi: 'import * as pulumi from "@pulumi/pulumi";',
};

function whole(text: string): string {
  const added = Object.entries(LEFT_OUT).flatMap(([name, line]) =>
    new RegExp(`\\b${name}\\b`).test(text) && !new RegExp(`import .*\\b${name}\\b`).test(text) ? [line] : [],
  );
  return [...GIVEN, ...added, text, "export {};"].join("\n");
}

/** What the compiler says, with the page and the line of it. */
function complaints(shown: ReadonlyMap<string, string>): string[] {
  const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const files = new Map([...shown].map(([name, text]) => [join(ROOT, "test/docs", `${name}.ts`), text]));
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, ...rest) => {
    const text = files.get(file);
    return text === undefined
      ? getSourceFile(file, ...rest)
      : ts.createSourceFile(file, text, ts.ScriptTarget.ES2023);
  };
  const program = ts.createProgram([...files.keys()], { ...options, noEmit: true }, host);
  return [...files.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText }) =>
        `${file.slice(join(ROOT, "test/docs/").length)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
  });
}

test("TypeScript that a page shows compiles, and a mistake in it would be told", () => {
  const shown = pages().flatMap((page) =>
    blocks(read(page))
      .filter(({ language }) => language === "ts")
      .map(({ text, line }) => [`${page.replaceAll("/", "-")}-${line}`, whole(text)] as const),
  );
  expect(shown.length).toBeGreaterThan(5);
  const wrong = whole(
    'import { service } from "portreeve/policy";\nservice("db", { protocol: "postgras" });',
  );
  const told = complaints(new Map([...shown, ["wrong", wrong]]));
  expect(told.filter((one) => !one.startsWith("wrong"))).toEqual([]);
  expect(told.join("\n")).toContain("postgras");
});

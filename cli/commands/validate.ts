import { Option } from "commander";
import { CliError } from "../exit.ts";
import { Output } from "../io/output.ts";
import type { Register } from "../register.ts";
import { validateCases } from "../validate/cases.ts";
import { VALIDATE_FORMATS, type ValidateFormat, validateFiles } from "../validate/files.ts";

interface Options {
  readonly cases?: string;
  readonly format: ValidateFormat;
}

/** `portreeve validate`: would the API server and Istio accept these objects? */
export const registerValidate: Register = (program, exit) => {
  program
    .command("validate")
    .description(
      "Say whether Istio accepts these objects, by its schemas, rules in CEL and webhook; offline.",
    )
    .argument("[files...]", "YAML or JSON files, or folders with them (- for stdin)")
    .option("--cases <file>", 'JSON lines {"id","kind","object"}, each answered with a line (- for stdin)')
    .addOption(
      new Option("--format <format>", "how the answer about files is written")
        .choices(VALIDATE_FORMATS)
        .default("text"),
    )
    .addHelpText(
      "after",
      `
Examples:
  portreeve validate manifests/
  kustomize build . | portreeve validate - --json
  portreeve validate --cases cases.jsonl

Exit code: 0 everything would be accepted, 1 an object would be refused, 2 a file could not be read. With --cases, 0 every
line was answered, whatever the answer.`,
    )
    .action(async (files: readonly string[], options: Options) => {
      const output = new Output(process.stdout);
      if (files.length > 0 && options.cases === undefined)
        exit(await validateFiles(files, output, options.format));
      else if (files.length === 0 && options.cases !== undefined) {
        exit(await validateCases(options.cases, output, new Output(process.stderr)));
      } else throw new CliError("validate: give files, or --cases FILE");
    });
};

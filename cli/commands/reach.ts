import { CliError } from "../exit.ts";
import { answerCases } from "../reach/cases.ts";
import { Output } from "../reach/output.ts";
import type { Register } from "./index.ts";

interface Options {
  readonly cases?: string;
}

/** `portreeve reach`: who can reach what. */
export const registerReach: Register = (program, exit) => {
  program
    .command("reach")
    .description("Who can reach what.")
    .argument("[dir]", "folder with Kubernetes YAML or JSON")
    .option(
      "--cases <file.jsonl>",
      'answer lines {"id","objects"} by NetworkPolicy alone; - is standard input',
    )
    .action(async (dir: string | undefined, options: Options) => {
      if ((dir === undefined) === (options.cases === undefined)) {
        throw new CliError("portreeve reach: give a folder, or --cases FILE.jsonl");
      }
      if (options.cases !== undefined) {
        exit(await answerCases(options.cases, new Output(process.stdout), new Output(process.stderr)));
      }
    });
};

import { decideCases } from "../decide/cases.ts";
import { CliError } from "../exit.ts";
import { Output } from "../reach/output.ts";
import type { Register } from "./index.ts";

interface DecideOptions {
  readonly cases?: string;
}

/** `portreeve decide`: is a connection allowed, and by which policy and rule? */
export const registerDecide: Register = (program, exit) => {
  program
    .command("decide")
    .description("Say whether Istio allows a TCP connection, and by which policy and rule.")
    .option("--cases <file>", "JSON lines, each with policies, a workload and a connection (- for stdin)")
    .action(async (options: DecideOptions) => {
      if (options.cases === undefined) throw new CliError("decide: give --cases FILE");
      exit(await decideCases(options.cases, new Output(process.stdout), new Output(process.stderr)));
    });
};

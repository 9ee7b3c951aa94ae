import { Command, CommanderError } from "commander";
import { PolicyError } from "../policy/finding.ts";
import { registrations } from "./commands/index.ts";
import { CliError, EXIT } from "./exit.ts";
import { version } from "./version.ts";

/** Runs `portreeve` with these arguments and returns its exit code; see {@link EXIT}. */
export async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command("portreeve")
    .description("Who may touch which TCP port, and who did.")
    .version(version(), "--version")
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(run with --help for usage)");
  for (const register of registrations) {
    register(program, (exitCode) => {
      code = exitCode;
    });
  }
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError("(run with --help for usage)");
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  // commander has already written its own message; asking for help or the version is not a failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.failed;
  if (error instanceof CliError) {
    console.error(error.message);
    return error.exitCode;
  }
  if (error instanceof PolicyError) {
    console.error(error.message);
    return EXIT.failed;
  }
  const message = error instanceof Error ? error.message : String(error);
  console.error(
    `portreeve: internal error: ${message}\nThis is a defect; please report it with PORTREEVE_DEBUG=1 set.`,
  );
  if (process.env["PORTREEVE_DEBUG"]) console.error(error);
  return EXIT.failed;
}

import { Command, CommanderError, Option } from "commander";
import { PolicyError } from "../policy/finding.ts";
import { registrations } from "./commands/index.ts";
import { CliError, EXIT } from "./exit.ts";
import { version } from "./version.ts";

/** Runs `portreeve` with these arguments and returns its exit code; see {@link EXIT}. */
export async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram((exitCode) => {
    code = exitCode;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error);
  }
}

/** The program with all its commands; `exit` takes the exit code of the one that runs, when it is not 0. */
export function buildProgram(exit: (code: number) => void): Command {
  const program = new Command("portreeve")
    .description("Who may touch which TCP port, and who did.")
    .version(version(), "--version")
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(portreeve --help lists the commands)")
    .addHelpText("after", PROGRAM_HELP);
  for (const register of registrations) register(program, exit);
  for (const command of program.commands) {
    command.exitOverride();
    pointToHelp(command, `portreeve ${command.name()}`);
    if (command.options.some(({ long, argChoices }) => long === "--format" && argChoices?.includes("json"))) {
      command.addOption(new Option("--json", "the same as --format json").implies({ format: "json" }));
    }
  }
  return program;
}

function pointToHelp(command: Command, called: string): void {
  command.showHelpAfterError(`(${called} --help has examples)`);
  for (const sub of command.commands) pointToHelp(sub, `${called} ${sub.name()}`);
}

const PROGRAM_HELP = `
Examples:
  portreeve init policies                       a first policy folder
  portreeve lint policies                       what is wrong with it
  portreeve access policies --json              who may reach what, for programs

Exit code: 0 done and nothing found, 1 done and something found, 2 could not run. Colour is for terminals, and off with
NO_COLOR. \`portreeve COMMAND --help\` has examples and the exit codes of each.`;

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

import { Option } from "commander";
import { type Answers, collect, QUESTIONS } from "../init/answers.ts";
import { asking } from "../init/ask.ts";
import { refuseUsed, writeStarter } from "../init/init.ts";
import type { Register } from "../register.ts";

/** `portreeve init`: a first policy folder. */
export const registerInit: Register = (program) => {
  const command = program
    .command("init")
    .description("Write a first policy folder: trust, a service, a workload, its grant and a test of it.")
    .argument("[dir]", "folder to write; absent or empty", "policies");
  for (const { flag, ask, choices } of QUESTIONS) {
    const option = new Option(flag, ask);
    command.addOption(choices ? option.choices(choices) : option);
  }
  command
    .option("--yes", "ask nothing: what no flag says is taken as usual")
    .option("--json", "what was written, for programs; asks nothing")
    .addHelpText(
      "after",
      `
Examples:
  portreeve init
  portreeve init policies --trust-domain prod.example.com --cluster use1 --yes
  portreeve init --service cache --protocol redis --host cache.example.com --workload shop/api --yes

On a terminal, what no flag says is asked for. Nothing is ever overwritten.

Exit code: 0 written, 2 not written: the folder is in use, or a value cannot be.`,
    )
    .action(
      async (
        dir: string,
        options: Partial<Answers> & { readonly yes?: boolean; readonly json?: boolean },
      ) => {
        refuseUsed(dir);
        const tell = (text: string) => void process.stderr.write(text);
        const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
        const interactive = terminal && !options.yes && !options.json;
        const answers = interactive
          ? await asking(process.stdin, process.stderr, (ask) => collect(options, ask, tell))
          : await collect(options, undefined, tell);
        const written = writeStarter(dir, answers);
        if (options.json) {
          process.stdout.write(`${JSON.stringify({ version: 1, written }, null, 2)}\n`);
          return;
        }
        process.stdout.write(
          `${written.map((path) => `wrote ${path}\n`).join("")}next: portreeve lint ${dir} && portreeve test ${dir}\n`,
        );
      },
    );
};

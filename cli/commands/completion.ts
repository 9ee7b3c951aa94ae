import { Argument } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { shapeOf } from "../completion/shape.ts";
import { zshCompletion } from "../completion/zsh.ts";
import type { Register } from "../register.ts";

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
const NAMES = Object.keys(SHELLS);

/** `portreeve completion`: what the shell needs to complete commands, options and their values. */
export const registerCompletion: Register = (program) => {
  program
    .command("completion")
    .description("Print the completion script of a shell.")
    .addArgument(new Argument("<shell>", "which shell").choices(NAMES))
    .addHelpText(
      "after",
      `
Examples:
  source <(portreeve completion bash)                      in ~/.bashrc
  source <(portreeve completion zsh)                       in ~/.zshrc, after compinit
  portreeve completion fish > ~/.config/fish/completions/portreeve.fish

Exit code: 0 printed, 2 no such shell.`,
    )
    .action((shell: keyof typeof SHELLS) => {
      process.stdout.write(SHELLS[shell](shapeOf(program)));
    });
};

import type { Command, Option } from "commander";

/** What can be completed on the command line, as the program itself declares it. */
export interface CommandShape {
  readonly name: string;
  readonly about: string;
  readonly options: readonly OptionShape[];
  /** Words that its arguments are chosen from; empty where they are files. */
  readonly words: readonly string[];
}

export interface OptionShape {
  /** `--format`, and where there is one its short form. */
  readonly flags: readonly string[];
  readonly about: string;
  readonly value: Value;
}

/** What follows an option: nothing, one of some words, a path, or text that nobody can complete. */
export type Value =
  | { readonly type: "none" }
  | { readonly type: "words"; readonly words: readonly string[] }
  | { readonly type: "path" }
  | { readonly type: "text" };

/** The shape of every subcommand, by name. */
export function shapeOf(program: Command): CommandShape[] {
  return program.commands
    .map((command) => ({
      name: command.name(),
      about: firstSentence(command.description()),
      options: [
        ...command.options.filter(({ hidden }) => !hidden).map(optionShape),
        { flags: ["--help"], about: "how it is used", value: { type: "none" } as const },
      ],
      words:
        command.commands.length > 0
          ? command.commands.map((inner) => inner.name())
          : command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The program's own options. */
export const PROGRAM_OPTIONS = ["--help", "--version"] as const;

function optionShape(option: Option): OptionShape {
  const flags = [option.long, option.short].filter((flag) => flag !== undefined && flag !== null);
  return { flags, about: firstSentence(option.description), value: valueAfter(option) };
}

function valueAfter({ required, optional, argChoices, flags }: Option): Value {
  if (!required && !optional) return { type: "none" };
  if (argChoices) return { type: "words", words: argChoices };
  return /<[^>]*(file|dir|folder|path)[^>]*>/i.test(flags) ? { type: "path" } : { type: "text" };
}

function firstSentence(text: string): string {
  return text.split(/(?<=[.;:])\s/, 1)[0]?.replace(/[.;:]$/, "") ?? "";
}

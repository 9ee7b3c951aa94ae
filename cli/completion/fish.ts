import type { CommandShape, OptionShape } from "./shape.ts";

/** A completion script for fish. */
export function fishCompletion(commands: readonly CommandShape[]): string {
  return [
    "# portreeve completion for fish: portreeve completion fish | source",
    "complete -c portreeve -f",
    "complete -c portreeve -n __fish_use_subcommand -l help -d 'how it is used'",
    "complete -c portreeve -n __fish_use_subcommand -l version -d 'the version'",
    ...commands.map(
      ({ name, about }) => `complete -c portreeve -n __fish_use_subcommand -a ${name} -d ${quote(about)}`,
    ),
    ...commands.flatMap((command) => {
      const seen = `complete -c portreeve -n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
      const rest = command.words.length > 0 ? `-a ${quote(command.words.join(" "))}` : "-F";
      return [`${seen} ${rest}`, ...command.options.map((option) => `${seen} ${optionPart(option)}`)];
    }),
    "",
  ].join("\n");
}

function optionPart({ flags, about, value }: OptionShape): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const described = `${names.join(" ")} -d ${quote(about)}`;
  switch (value.type) {
    case "none":
      return described;
    case "words":
      return `${described} -x -a ${quote(value.words.join(" "))}`;
    case "path":
      return `${described} -r -F`;
    case "text":
      return `${described} -x`;
  }
}

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

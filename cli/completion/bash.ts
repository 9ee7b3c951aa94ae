import { type CommandShape, type OptionShape, PROGRAM_OPTIONS } from "./shape.ts";

/** A completion script for bash 3.2 and later, which macOS still ships; it needs nothing but bash itself. */
export function bashCompletion(commands: readonly CommandShape[]): string {
  return `# portreeve completion for bash: source <(portreeve completion bash)
_portreeve() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    _portreeve_words "${[...commands.map(({ name }) => name), ...PROGRAM_OPTIONS].join(" ")}"
    return
  fi
  case "$command" in
${commands.map(commandCase).join("\n")}
  esac
}
_portreeve_words() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$current")
}
_portreeve_files() {
  local path
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -f -- "$current")
}
complete -o filenames -F _portreeve portreeve
`;
}

function commandCase({ name, options, words }: CommandShape): string {
  const values = options.flatMap(valueCase);
  const all = options.flatMap(({ flags }) => flags).join(" ");
  const rest = words.length > 0 ? `_portreeve_words "${words.join(" ")}"` : "_portreeve_files";
  return [
    `    ${name})`,
    ...(values.length > 0 ? ['      case "$previous" in', ...values, "      esac"] : []),
    `      if [[ "$current" == -* ]]; then _portreeve_words "${all}"; else ${rest}; fi ;;`,
  ].join("\n");
}

/** What to offer after an option; no line for one without a value. */
function valueCase({ flags, value }: OptionShape): string[] {
  const after = (offer: string) => [`        ${flags.join("|")}) ${offer}return ;;`];
  switch (value.type) {
    case "none":
      return [];
    case "words":
      return after(`_portreeve_words "${value.words.join(" ")}"; `);
    case "path":
      return after("_portreeve_files; ");
    case "text":
      return after("");
  }
}

import type { CommandShape, OptionShape, Value } from "./shape.ts";

/** A completion script for zsh, to be sourced or put on \`fpath\` as \`_portreeve\`. */
export function zshCompletion(commands: readonly CommandShape[]): string {
  return `#compdef portreeve
# portreeve completion for zsh: source <(portreeve completion zsh)
_portreeve() {
  local -a commands
  commands=(
${commands.map(({ name, about }) => `    ${quote(`${name}:${about}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    _arguments '--help[how it is used]' '--version[the version]'
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join("\n")}
  esac
}
if [[ $funcstack[1] == _portreeve ]]; then _portreeve "$@"; else compdef _portreeve portreeve; fi
`;
}

function commandCase({ name, options, words }: CommandShape): string {
  const rest = words.length > 0 ? `*:argument:(${words.join(" ")})` : "*:file:_files";
  const specs = [...options.flatMap(optionSpecs), rest].map(quote);
  return `    ${name})\n      _arguments \\\n        ${specs.join(" \\\n        ")}\n      ;;`;
}

function optionSpecs({ flags, about, value }: OptionShape): string[] {
  // Brackets and colons are zsh's own here.
  const text = about.replace(/[[\]:\\]/g, (mark) => `\\${mark}`);
  return flags.map((flag) => `${value.type === "none" ? "" : "*"}${flag}[${text}]${valueSpec(value)}`);
}

function valueSpec(value: Value): string {
  switch (value.type) {
    case "none":
      return "";
    case "words":
      return `:value:(${value.words.join(" ")})`;
    case "path":
      return ":file:_files";
    case "text":
      return ":value: ";
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A token of CEL; the text of a punctuation mark or keyword is its kind. */
export interface Token {
  readonly kind: string;
  readonly text: string;
  readonly at: number;
}

/** Words that may not be used as a name, except behind a dot. */
export const RESERVED = new Set(
  "as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

const KEYWORDS = new Set(["in", "true", "false", "null"]);
const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?\u0060]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7][0-7])`;

const STRING = [
  `[rR](?:"""[^]*?"""|'''[^]*?'''|"[^"\\n\\r]*"|'[^'\\n\\r]*')`,
  `"""(?:${ESCAPE}|[^\\\\])*?"""`,
  `'''(?:${ESCAPE}|[^\\\\])*?'''`,
  `"(?:${ESCAPE}|[^\\\\"\\n\\r])*"`,
  `'(?:${ESCAPE}|[^\\\\'\\n\\r])*'`,
].join("|");

const GRAMMAR: readonly (readonly [string, string])[] = [
  ["space", "[\\t \\r\\n\\f]+|//[^\\n]*"],
  ["bytes", `[bB](?:${STRING})`],
  ["string", STRING],
  ["float", "\\d+\\.\\d+(?:[eE][-+]?\\d+)?|\\d+[eE][-+]?\\d+|\\.\\d+(?:[eE][-+]?\\d+)?"],
  ["uint", "(?:0x[0-9a-fA-F]+|\\d+)[uU]"],
  ["int", "0x[0-9a-fA-F]+|\\d+"],
  ["quoted", "`[a-zA-Z0-9_./ -]+`"],
  ["name", "[a-zA-Z_][a-zA-Z0-9_]*"],
  ["mark", "==|!=|<=|>=|&&|\\|\\||[<>()[\\]{}.,\\-!?:+*/%]"],
];
const TOKEN = new RegExp(GRAMMAR.map(([kind, pattern]) => `(?<${kind}>${pattern})`).join("|"), "y");

const TWO_TO_63 = 1n << 63n;

/** The tokens of an expression, or where the first thing stands that is none. */
export function tokenize(expression: string): readonly Token[] | { readonly badAt: number } {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(expression)?.groups;
    const found = Object.entries(groups ?? {}).find(([, text]) => text !== undefined);
    if (found === undefined) return { badAt: at };
    const [kind, text] = found;
    if (kind === "space") continue;
    if (!isInRange(kind, text)) return { badAt: at };
    const isSmallest = kind === "int" && BigInt(text) === TWO_TO_63;
    // The magnitude of the smallest number is a token of its own: only behind a sign does it fit into 64 bits.
    tokens.push({
      kind: isSmallest ? "smallest" : kind === "mark" || KEYWORDS.has(text) ? text : kind,
      text,
      at,
    });
  }
  return tokens;
}

/** Numbers must fit into 64 bits, and escapes must stand for characters that there are. */
function isInRange(kind: string, text: string): boolean {
  switch (kind) {
    case "int":
      return BigInt(text) <= TWO_TO_63;
    case "uint":
      return BigInt(text.slice(0, -1)) < 2n * TWO_TO_63;
    case "float":
      return Number.isFinite(Number(text));
    case "string":
      return (
        /^[rR]/.test(text) ||
        [...text.matchAll(/\\(?:u(\w{4})|U(\w{8})|.)/gs)].every(([, short, long]) =>
          isCharacter(short ?? long),
        )
      );
    case "bytes":
      return (
        /^[bB][rR]/.test(text) ||
        ![...text.matchAll(/\\(.)/gs)].some(([, letter]) => letter === "u" || letter === "U")
      );
    default:
      return true;
  }
}

function isCharacter(hex: string | undefined): boolean {
  if (hex === undefined) return true;
  const code = Number.parseInt(hex, 16);
  return code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
}

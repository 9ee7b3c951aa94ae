import { RESERVED, type Token, tokenize } from "./cel-tokens.ts";

/**
 * What is wrong with the syntax of an expression in CEL, or undefined. Names and types are not looked at: Istio parses
 * a Telemetry filter with the macros and reserved words of cel-go's parser, and no further.
 */
export function celSyntaxProblem(expression: string): string | undefined {
  const tokens = tokenize(expression);
  if ("badAt" in tokens) return `is not an expression in CEL: column ${tokens.badAt + 1} cannot be read`;
  const parser = new Parser(tokens);
  try {
    parser.parse();
    return undefined;
  } catch (cause) {
    if (!(cause instanceof SyntaxProblem)) throw cause;
    const where = cause.at === undefined ? "its end" : `column ${cause.at + 1}`;
    return `is not an expression in CEL: ${cause.message} at ${where}`;
  }
}

class SyntaxProblem extends Error {
  readonly at: number | undefined;

  constructor(message: string, token: Token | undefined) {
    super(message);
    this.at = token?.at;
  }
}

/** What an operand is, as far as a macro asks. */
type Shape = "name" | "selection" | "other";

const RELATIONS = new Set(["<", "<=", ">", ">=", "==", "!=", "in"]);
const SUMS = new Set(["+", "-"]);
const PRODUCTS = new Set(["*", "/", "%"]);
const LITERALS = new Set(["string", "bytes", "float", "uint", "int", "true", "false", "null"]);
/** Macros behind a dot whose first argument names a variable, with the numbers of arguments that make them one. */
const COMPREHENSIONS: Readonly<Record<string, readonly number[]>> = {
  all: [2],
  exists: [2],
  exists_one: [2],
  map: [2, 3],
  filter: [2],
};

/** A recursive descent over the grammar of CEL, in which each method is one rule. */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): void {
    this.#expression();
    if (this.#peek() !== undefined) this.#fail("something follows that does not belong here");
  }

  #peek(ahead = 0): string | undefined {
    return this.#tokens[this.#next + ahead]?.kind;
  }

  #take(kind: string): boolean {
    if (this.#peek() !== kind) return false;
    this.#next += 1;
    return true;
  }

  #expect(kind: string): Token {
    const token = this.#tokens[this.#next];
    if (token === undefined || token.kind !== kind)
      return this.#fail(`${kind === "name" ? "a name" : kind} is expected`);
    this.#next += 1;
    return token;
  }

  #fail(message: string, token: Token | undefined = this.#tokens[this.#next]): never {
    throw new SyntaxProblem(message, token);
  }

  #expression(): Shape {
    const shape = this.#chain(["||"], () => this.#chain(["&&"], () => this.#relation()));
    if (!this.#take("?")) return shape;
    this.#chain(["||"], () => this.#chain(["&&"], () => this.#relation()));
    this.#expect(":");
    this.#expression();
    return "other";
  }

  #relation(): Shape {
    return this.#chain(RELATIONS, () => this.#chain(SUMS, () => this.#chain(PRODUCTS, () => this.#unary())));
  }

  #chain(operators: Iterable<string>, operand: () => Shape): Shape {
    const known = new Set(operators);
    let shape = operand();
    for (let kind = this.#peek(); kind !== undefined && known.has(kind); kind = this.#peek()) {
      this.#next += 1;
      operand();
      shape = "other";
    }
    return shape;
  }

  /** Signs may be repeated, but `!` and `-` not mixed, except that a number may have a sign of its own. */
  #unary(): Shape {
    const sign = this.#peek();
    if (sign !== "!" && sign !== "-") return this.#member();
    let signs = 0;
    while (this.#take(sign)) signs += 1;
    if (sign === "-" && signs === 1 && this.#peek() === "smallest") {
      // Only behind a sign does this number fit into 64 bits.
      this.#next += 1;
      return "other";
    }
    if (sign === "!" && this.#peek() === "-" && (this.#peek(1) === "int" || this.#peek(1) === "float"))
      this.#next += 1;
    this.#member();
    return "other";
  }

  #member(): Shape {
    let shape = this.#primary();
    for (;;) {
      if (this.#take(".")) {
        const isQuoted = this.#take("quoted");
        const name = isQuoted ? undefined : this.#expect("name");
        shape = name !== undefined && this.#take("(") ? this.#receiverCall(name) : "selection";
      } else if (this.#take("[")) {
        this.#expression();
        this.#expect("]");
        shape = "other";
      } else {
        return shape;
      }
    }
  }

  #receiverCall(name: Token): Shape {
    const variable = this.#tokens[this.#next];
    const shapes = this.#arguments();
    const isMacro =
      Object.hasOwn(COMPREHENSIONS, name.text) && COMPREHENSIONS[name.text]?.includes(shapes.length);
    if (isMacro && shapes[0] !== "name")
      this.#fail(`the first argument of ${name.text}() must be a name`, name);
    if (isMacro && variable?.text === "__result__")
      this.#fail("__result__ is a name that CEL keeps for itself", variable);
    return "other";
  }

  #primary(): Shape {
    const kind = this.#peek();
    if (kind !== undefined && LITERALS.has(kind)) {
      this.#next += 1;
      return "other";
    }
    if (this.#take("(")) {
      const shape = this.#expression();
      this.#expect(")");
      return shape;
    }
    if (this.#take("[")) {
      this.#list("]", () => this.#expression());
      return "other";
    }
    if (this.#take("{")) {
      this.#list("}", () => this.#entry(() => this.#expression()));
      return "other";
    }
    return this.#named();
  }

  /** A name, a call of a function, or a message: `a`, `.a`, `f(x)`, `a.B{c: 1}`. */
  #named(): Shape {
    const isRooted = this.#take(".");
    const name = this.#expect("name");
    if (this.#isMessage()) {
      while (this.#take(".")) this.#expect("name");
      this.#expect("{");
      this.#list("}", () => this.#entry(() => this.#take("quoted") || this.#expect("name")));
      return "other";
    }
    if (RESERVED.has(name.text)) this.#fail(`${name.text} is a reserved word`, name);
    if (!this.#take("(")) return "name";
    const shapes = this.#arguments();
    const isHas = name.text === "has" && !isRooted && shapes.length === 1;
    if (isHas && shapes[0] !== "selection") this.#fail("has() needs a field, like has(a.b)", name);
    // What has() becomes is a selection itself, as cel-go sees it.
    return isHas ? "selection" : "other";
  }

  #isMessage(): boolean {
    let ahead = 0;
    while (this.#peek(ahead) === "." && this.#peek(ahead + 1) === "name") ahead += 2;
    return this.#peek(ahead) === "{";
  }

  #entry(key: () => unknown): void {
    key();
    this.#expect(":");
    this.#expression();
  }

  #arguments(): readonly Shape[] {
    const shapes: Shape[] = [];
    if (this.#take(")")) return shapes;
    do shapes.push(this.#expression());
    while (this.#take(","));
    this.#expect(")");
    return shapes;
  }

  /** Items up to the closing mark; a comma may follow the last one, and stand alone. */
  #list(close: string, item: () => unknown): void {
    while (this.#peek() !== close && this.#peek() !== ",") {
      item();
      if (this.#peek() !== ",") break;
      if (this.#peek(1) === close) break;
      this.#next += 1;
      if (this.#peek() === ",") this.#fail("a value is expected");
    }
    this.#take(",");
    this.#expect(close);
  }
}

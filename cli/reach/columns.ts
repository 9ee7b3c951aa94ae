import { type Document, isNode, parseDocument } from "yaml";

/** Finds columns in a line of JSON. It is parsed again for that, once, and only when something has to be told. */
export class Columns {
  readonly #text: string;
  #parsed: Document | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The column, from 1, of the value at `path`; of the nearest value around it that is there. */
  of(path: readonly PropertyKey[]): number {
    for (let length = path.length; length > 0; length--) {
      const node = this.#document().getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return node.range[0] + 1;
    }
    return 1;
  }

  /** The column, from 1, of a syntax error: what `JSON.parse` says, or else where the text stops being YAML. */
  ofSyntaxError(message: string): number {
    const position = /at position (\d+)/.exec(message)?.[1];
    return Number(position ?? this.#document().errors[0]?.pos[0] ?? 0) + 1;
  }

  /** JSON is YAML, and this parser keeps positions. */
  #document(): Document {
    this.#parsed ??= parseDocument(this.#text);
    return this.#parsed;
  }
}

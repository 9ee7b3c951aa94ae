import { isCollection, isMap, isScalar, parseAllDocuments } from "yaml";
import type { Path } from "./source.ts";
import { startOf } from "./yaml-node.ts";

/**
 * Finds offsets in one document. Positions are only asked for when something has to be told, so the document's nodes are
 * not kept for them (they take fifty times the memory of the text): its text is parsed again.
 */
export class DocumentLocator {
  readonly #text: string;
  readonly #start: number;
  readonly #end: number;
  #nodes: WeakRef<object> | undefined;

  /** @param start - offset in `text` where the document starts, its directives included */
  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#start = start;
    this.#end = end;
  }

  /** Offset of the value (or key) at `path`, or of the deepest part of the path that exists. */
  offset(path: Path, where: "key" | "value" = "value"): number {
    return this.#start + this.#find(path, where).offset;
  }

  /** The scalar at `path` as it is written, without its quotes; undefined where there is none. */
  written(path: Path): string | undefined {
    const { node, depth } = this.#find(path, "value");
    return depth === path.length && isScalar(node) ? node.source : undefined;
  }

  #find(path: Path, where: "key" | "value"): { node: unknown; offset: number; depth: number } {
    let node: unknown = this.#contents();
    let depth = 0;
    let offset = startOf(node) ?? 0;
    for (const [index, step] of path.entries()) {
      if (!isCollection(node)) break;
      if (isMap(node)) {
        const pair = node.items.find((item) => keyText(item.key) === String(step));
        if (!pair) break;
        const keyOffset = startOf(pair.key);
        const wanted = index === path.length - 1 && where === "key" ? keyOffset : startOf(pair.value);
        offset = wanted ?? keyOffset ?? offset;
        node = pair.value;
        depth++;
        continue;
      }
      const next: unknown = node.items[Number(step)];
      if (next === undefined) break;
      offset = startOf(next) ?? offset;
      node = next;
      depth++;
    }
    return { node, offset, depth };
  }

  #contents(): object | undefined {
    const kept = this.#nodes?.deref();
    if (kept) return kept;
    const slice = this.#text.slice(this.#start, this.#end);
    const documents = parseAllDocuments(slice, { merge: true, prettyErrors: false, uniqueKeys: false });
    for (const { contents } of documents) {
      if (!contents) continue;
      this.#nodes = new WeakRef(contents);
      return contents;
    }
    return undefined;
  }
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

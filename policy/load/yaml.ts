import { Composer, LineCounter, Parser, type Document as YamlDocument } from "yaml";
import type { Finding, Position } from "../finding.ts";
import { expandsBeyond } from "./expansion.ts";
import type { RawDocument } from "./source.ts";
import { MAX_DEPTH, tooDeepAt } from "./yaml-depth.ts";
import { DocumentLocator } from "./yaml-locate.ts";
import { nodeProblems, startOf } from "./yaml-node.ts";
import { parsePlain } from "./yaml-plain.ts";

/** Aliases one document may expand to. A policy needs a handful; an alias bomb needs millions. */
const MAX_ALIASES = 1_000;
/** Values one document may have when it repeats parts by alias; checking more would take longer than anybody waits. */
const MAX_EXPANDED = 200_000;
/** A file with more problems than this is not what its author thinks; the rest of them would only bury the first. */
const MAX_PROBLEMS = 100;

/**
 * Parses multi-document YAML 1.2 (JSON is YAML too). Syntax errors become findings; the documents without any are
 * returned, so that one typo does not hide the problems of the rest.
 */
export function parseYaml(text: string, file: string): { documents: RawDocument[]; findings: Finding[] } {
  return new YamlFile(text.replace(/^\uFEFF/, ""), file).parse();
}

class YamlFile {
  readonly #text: string;
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #documents: RawDocument[] = [];
  readonly #findings: Finding[] = [];
  /** Where the part of the text that is parsed now starts: offsets are counted from there. */
  #base = 0;
  /** Where the document that is read now starts, counted from the base: where the one before it ended. */
  #start = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  parse(): { documents: RawDocument[]; findings: Finding[] } {
    this.#lines.addNewLine(0);
    for (let at = this.#text.indexOf("\n"); at >= 0; at = this.#text.indexOf("\n", at + 1)) {
      this.#lines.addNewLine(at + 1);
    }
    for (const [from, to] of parts(this.#text)) {
      const part = this.#text.slice(from, to);
      const plain = parsePlain(part);
      if (plain) this.#add(plain, from + part.search(FIRST_CONTENT), from, to);
      else if (!this.#parsePart(part, from)) break;
    }
    return { documents: this.#documents, findings: this.#findings };
  }

  /** @returns false when the rest of the file is not worth reading. */
  #parsePart(text: string, base: number): boolean {
    this.#base = base;
    this.#start = 0;
    const parser = new Parser();
    const composer = new Composer({ merge: true, prettyErrors: false, uniqueKeys: false });
    for (const token of parser.parse(text)) {
      if (token.type === "document") {
        const deep = tooDeepAt(token);
        if (deep !== undefined) {
          this.#error(
            deep,
            `nested more than ${MAX_DEPTH} levels deep`,
            "a policy document needs about eight levels; check for a missing bracket",
          );
          return false;
        }
      }
      for (const document of composer.next(token)) if (!this.#take(document)) return false;
    }
    for (const document of composer.end(false, text.length)) if (!this.#take(document)) return false;
    return true;
  }

  #add(value: unknown, contents: number, from: number, to: number): void {
    const locator = new DocumentLocator(this.#text, from, to);
    this.#documents.push({
      value,
      position: this.#position(contents),
      locate: (path, where) => this.#position(locator.offset(path, where)),
      written: (path) => locator.written(path),
    });
  }

  /** @returns false when the rest of the file is not worth reading. */
  #take(document: YamlDocument.Parsed): boolean {
    const start = this.#start;
    this.#start = document.range[2];
    for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
      this.#error(pos[0], ...syntaxProblem(code, message));
      if (this.#findings.length >= MAX_PROBLEMS) return this.#giveUp(pos[0]);
    }
    if (document.errors.length > 0 || document.warnings.length > 0 || document.contents === null) return true;
    if (document.directives.yaml.version !== "1.2") {
      this.#error(start, "YAML 1.1 reads `no`, `on` and 010 as something else", "remove the %YAML directive");
      return true;
    }
    const problems = nodeProblems(document.contents);
    for (const { offset, message, fix } of problems) {
      this.#error(offset, message, fix);
      if (this.#findings.length >= MAX_PROBLEMS) return this.#giveUp(offset);
    }
    // Other problems leave the value readable, so that what is wrong elsewhere in the document is told too.
    if (problems.some(({ unreadable }) => unreadable)) return true;
    const value = this.#valueOf(document);
    if (value === undefined || value === null) return true;
    const contents = startOf(document.contents) ?? start;
    this.#add(value, this.#base + contents, this.#base + start, this.#base + this.#start);
    return true;
  }

  #valueOf(document: YamlDocument.Parsed): unknown {
    const start = startOf(document.contents) ?? document.range[0];
    try {
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
      if (!expandsBeyond(value, MAX_EXPANDED)) return value;
      this.#aliasBomb(start);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const unresolved = /^Unresolved alias.*: (.+)$/.exec(message)?.[1];
      if (unresolved !== undefined) {
        this.#error(start, `alias *${unresolved} names no anchor before it`, "correct the alias's name");
      } else this.#aliasBomb(start);
    }
    return undefined;
  }

  #aliasBomb(offset: number): void {
    this.#error(
      offset,
      `this document's aliases expand to more than ${MAX_ALIASES} uses or ${MAX_EXPANDED} values`,
      "write the values out, or split the document",
    );
  }

  #giveUp(offset: number): false {
    this.#error(
      offset,
      `more than ${MAX_PROBLEMS} problems; the rest of the file was not read`,
      "correct these",
    );
    return false;
  }

  #error(offset: number, message: string, fix: string): void {
    this.#findings.push({ rule: "PR101", severity: "error", message, fix, position: this.#at(offset) });
  }

  /** @param offset - counted from the base */
  #at(offset: number): Position {
    return this.#position(this.#base + offset);
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), col: Math.max(1, col) };
  }
}

/** The first character of a document that is no space, line break or comment. */
const FIRST_CONTENT = /^(?![ ]*(?:#|$))/m;
/** A line that starts, ends or directs a document. */
const MARKER = /(?<![^\n])(?:---|\.\.\.|%)[^\n]*/g;

/**
 * Where the documents of a file start and end, when nothing but lines of `---` separates them; else the whole file. Such
 * a line ends a document whatever it stands in, so that each part may be read by itself.
 */
function parts(text: string): [from: number, to: number][] {
  const found: [number, number][] = [];
  let from = 0;
  for (const marker of text.matchAll(MARKER)) {
    if (marker[0] !== "---" && marker[0] !== "---\r") return [[0, text.length]];
    found.push([from, marker.index]);
    from = marker.index + marker[0].length + 1;
  }
  found.push([Math.min(from, text.length), text.length]);
  return found;
}

function syntaxProblem(code: string, message: string): [message: string, fix: string] {
  const [first = message] = message.split("\n");
  switch (code) {
    case "TAB_AS_INDENT":
      return ["a tab is used for indentation", "indent with spaces"];
    case "TAG_RESOLVE_FAILED":
      return [`${first}: policies have no tags`, "remove the tag"];
    default:
      return [`not valid YAML: ${first}`, "correct the syntax at this place"];
  }
}

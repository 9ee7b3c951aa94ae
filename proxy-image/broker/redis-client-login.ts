import { append, MAX_HELD, NOTHING } from "./login.ts";

/** What becomes of bytes that the client sent. */
export interface Taken {
  readonly toServer: Uint8Array;
  /** The proxy's own answers. */
  readonly toClient: Uint8Array;
  /** From here on bytes pass as they are. */
  readonly over: boolean;
  /** Whom the client asked to be. */
  readonly askedUser?: string | undefined;
  /** Why the connection cannot go on. */
  readonly error?: string;
}

const OK = Buffer.from("+OK\r\n");
const CRLF = "\r\n";
/** As many words as `HELLO 3 AUTH user password SETNAME name` has, and some to spare. */
const MAX_WORDS = 16;

/**
 * A Redis client's own attempt to log in, at the very beginning of what it sends: nobody needs it, since the proxy has logged
 * in, and the server would refuse it. `AUTH` is answered here; of `HELLO 3 AUTH user password` the three words are taken out.
 * The first command that is neither ends it, and passes with all that follows.
 */
export class RedisClientLogin {
  #held: Uint8Array = NOTHING;
  #askedUser: string | undefined;

  take(bytes: Uint8Array): Taken {
    this.#held = append(this.#held, bytes);
    let answers: Uint8Array = NOTHING;
    for (;;) {
      const read = readCommand(this.#held);
      if (read === "more") {
        const error = "the client's own login is longer than one can be";
        const tooLong = this.#held.length > MAX_HELD;
        return { ...this.#taken(NOTHING, answers, tooLong), ...(tooLong && { error }) };
      }
      if (read === "another") return this.#taken(this.#held, answers, true);
      const rest = this.#held.subarray(read.length);
      if (read.name === "HELLO") {
        const toServer = this.#withoutAuth(read.words);
        return this.#taken(toServer ? append(toServer, rest) : this.#held, answers, true);
      }
      this.#asks(read.words.length > 2 ? read.words[1] : undefined);
      this.#held = rest;
      answers = append(answers, OK);
    }
  }

  #taken(toServer: Uint8Array, toClient: Uint8Array, over: boolean): Taken {
    if (over) this.#held = NOTHING;
    return { toServer, toClient, over, askedUser: this.#askedUser };
  }

  #asks(user: string | undefined): void {
    // `AUTH password` is `AUTH default password`, and names nobody.
    if (user !== undefined && user !== "default")
      this.#askedUser = Buffer.from(user, "latin1").toString("utf8");
  }

  /** Undefined when there is nothing to take out: then not a byte is changed. */
  #withoutAuth(words: readonly string[]): Uint8Array | undefined {
    let at = 2;
    // A name of `AUTH` is a name: options are read one after the other.
    while (words[at]?.toUpperCase() === "SETNAME") at += 2;
    if (words[at]?.toUpperCase() !== "AUTH" || words.length < at + 3) return undefined;
    this.#asks(words[at + 1]);
    return writeCommand([...words.slice(0, at), ...words.slice(at + 3)]);
  }
}

interface Command {
  readonly name: "AUTH" | "HELLO";
  readonly words: readonly string[];
  readonly length: number;
}

/** The first command, if it is one of the two; as an array of bulk strings, or as a line. Words are latin1, so that no byte is lost. */
function readCommand(bytes: Uint8Array): Command | "more" | "another" {
  if (bytes.length === 0) return "more";
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HELD + 1)).toString(
    "latin1",
  );
  return text.startsWith("*") ? readArray(text) : readLine(text);
}

function readArray(text: string): Command | "more" | "another" {
  const head = /^\*(\d{1,3})\r\n/.exec(text);
  if (!head) return /^\*(\d{0,3}|\d{1,3}\r)$/.test(text) ? "more" : "another";
  const count = Number(head[1]);
  if (count < 1 || count > MAX_WORDS) return "another";
  const words: string[] = [];
  let at = head[0].length;
  while (words.length < count) {
    const end = text.indexOf(CRLF, at);
    if (end < 0) return isPart(text.slice(at)) ? "more" : "another";
    const size = /^\$(\d{1,6})$/.exec(text.slice(at, end));
    if (!size) return "another";
    const start = end + 2;
    const stop = start + Number(size[1]);
    if (words.length === 0 && !isName(text.slice(start, stop), Number(size[1]))) return "another";
    if (text.length < stop + 2) return "more";
    if (text.slice(stop, stop + 2) !== CRLF) return "another";
    words.push(text.slice(start, stop));
    at = stop + 2;
  }
  return commandOf(words, at);
}

/** What may still become the length of a word. */
function isPart(text: string): boolean {
  return /^(\$\d{0,6}\r?)?$/.test(text);
}

/** Whether so much of a first word can be, or become, the name of one of the two commands. */
function isName(text: string, size: number): boolean {
  return ["AUTH", "HELLO"].some((name) => name.length === size && name.startsWith(text.toUpperCase()));
}

function readLine(text: string): Command | "more" | "another" {
  const end = text.indexOf("\n");
  const line = (end < 0 ? text : text.slice(0, end)).replace(/\r$/, "");
  const [first = "", ...rest] = line.split(" ").filter((word) => word !== "");
  const known = ["AUTH", "HELLO"].some((name) =>
    end < 0 && rest.length === 0 ? name.startsWith(first.toUpperCase()) : name === first.toUpperCase(),
  );
  if (!known) return "another";
  return end < 0 ? "more" : commandOf([first, ...rest], end + 1);
}

function commandOf(words: readonly string[], length: number): Command | "another" {
  switch (words[0]?.toUpperCase()) {
    case "AUTH":
      return words.length === 2 || words.length === 3 ? { name: "AUTH", words, length } : "another";
    case "HELLO":
      return { name: "HELLO", words, length };
    default:
      return "another";
  }
}

function writeCommand(words: readonly string[]): Uint8Array {
  const parts = words.map((word) => `$${word.length}${CRLF}${word}${CRLF}`);
  return Buffer.from(`*${words.length}${CRLF}${parts.join("")}`, "latin1");
}

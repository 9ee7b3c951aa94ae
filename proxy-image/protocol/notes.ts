import type { ProxyProtocolName } from "../../policy/compile/proxy/config.ts";
import { readClientHello } from "./client-hello.ts";
import { noteKafka } from "./notes-kafka.ts";
import { noteMongo } from "./notes-mongo.ts";
import { noteMysql } from "./notes-mysql.ts";
import { notePostgres } from "./notes-postgres.ts";
import { noteRedis } from "./notes-redis.ts";

/** What was read: names for the record; `more` when a later chunk may tell; `none` when nothing will. */
export type Note = Readonly<Record<string, string>> | "more" | "none";

/** Bytes looked at before giving up. */
const MAX_NOTED = 4_096;
/** A name in a record is for people to read; what a client claims to be called may be megabytes. */
const MAX_NAME = 128;

/**
 * Reads, passively, whom and what a client's first bytes name. It never alters a byte, and what it cannot read it says
 * so and lets pass: these are claims of the client, for the record, on which nothing is decided.
 */
export class NoteTaker {
  readonly #protocol: ProxyProtocolName;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(protocol: ProxyProtocolName) {
    this.#protocol = protocol;
  }

  /** Takes a chunk; the names when they are known, `more` while they may come. */
  take(chunk: Uint8Array): Note {
    const first = this.#bytes.length === 0;
    this.#bytes = first
      ? chunk.subarray(0, MAX_NOTED)
      : Buffer.concat([this.#bytes, chunk]).subarray(0, MAX_NOTED);
    let note: Note;
    try {
      note = read(this.#protocol, this.#bytes);
    } catch {
      return { note: "unreadable" };
    }
    if (note === "more") return this.#bytes.length >= MAX_NOTED ? "none" : "more";
    if (note === "none") return note;
    return Object.fromEntries(Object.entries(note).map(([key, value]) => [key, value.slice(0, MAX_NAME)]));
  }
}

/** True for a protocol whose first bytes name something. */
export function hasNotes(protocol: ProxyProtocolName): boolean {
  switch (protocol) {
    case "postgres":
    case "mysql":
    case "redis":
    case "mongo":
    case "kafka":
    case "tls":
      return true;
    case "tcp":
    case "grpc":
    case "nats":
    case "mqtt":
    case "amqp":
    case "smtp":
    case "ldap":
    case "ssh":
      return false;
  }
}

function read(protocol: ProxyProtocolName, bytes: Uint8Array): Note {
  switch (protocol) {
    case "postgres":
      return notePostgres(bytes);
    case "mysql":
      return noteMysql(bytes);
    case "redis":
      return noteRedis(bytes);
    case "mongo":
      return noteMongo(bytes);
    case "kafka":
      return noteKafka(bytes);
    case "tls": {
      const hello = readClientHello(bytes);
      if (hello.state === "more") return "more";
      return hello.state === "done" && hello.sni !== undefined ? { sni: hello.sni } : "none";
    }
    case "tcp":
    case "grpc":
    case "nats":
    case "mqtt":
    case "amqp":
    case "smtp":
    case "ldap":
    case "ssh":
      return "none";
  }
}

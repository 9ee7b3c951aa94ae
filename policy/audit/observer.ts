import type { Connection } from "../decide/index.ts";
import type { LogPlace, Observations, Observed } from "./observed.ts";

/** A record as parsed; keys are those of the proxy. */
type Fields = Readonly<Record<string, unknown>>;

/** Different connections kept. A record more costs nothing; a principal, service or address more does. */
const MAX_OBSERVED = 200_000;

/** One record, as far as it is added up. */
interface Single {
  readonly connection: Connection;
  readonly verdict: "allow" | "deny";
  readonly reason: string;
  readonly rules: readonly string[];
  readonly bytes: number;
  /** Of its first and latest record. */
  readonly first: number;
  readonly time: number;
  readonly place: LogPlace;
}

/**
 * Adds records up. Memory grows with who touched what from where, and with how many long connections there are at a time,
 * not with how often.
 */
export class Observer {
  readonly #since: number;
  readonly #until: number;
  readonly #byAddress: (service: string) => boolean;
  readonly #byKey = new Map<string, Observed>();
  /** Long connections of which the period has an `update` and no end, by id: a grant that they use is in use. */
  readonly #open = new Map<string, Single>();
  #records = 0;
  #lost = 0;
  #unreadable = 0;
  #beyond = 0;
  #unattributed = 0;
  #from = Number.POSITIVE_INFINITY;
  #to = Number.NEGATIVE_INFINITY;

  /**
   * @param since epoch milliseconds; records before it, and from `until` on, are only counted for what the logs cover
   * @param byAddress whether a service has a rule that asks where somebody comes from; for others, addresses of those who
   *   have a name are not kept apart. @default all have
   */
  constructor(since: number, until: number, byAddress: (service: string) => boolean = () => true) {
    this.#byAddress = byAddress;
    this.#since = since;
    this.#until = until;
  }

  line(line: string, place: LogPlace): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      this.#unreadable += 1;
      return;
    }
    if (typeof value !== "object" || value === null) this.#unreadable += 1;
    else this.#take(value as Fields, place);
  }

  /** The connection as the proxy judged it; undefined for one that never said what it wanted. */
  #connectionOf(fields: Fields): Connection | undefined {
    const service = text(fields, "dst.service");
    const port = number(fields, "dst.port");
    if (service === undefined || port === undefined) return undefined;
    const user = text(fields, "src.user");
    const awsRole = text(fields, "src.role");
    const groups = texts(fields, "src.groups");
    const person =
      user === undefined && awsRole === undefined && groups === undefined
        ? undefined
        : { user, awsRole, groups };
    const workload = text(fields, "src.identity");
    const agent = text(fields, "src.agent");
    const named = workload !== undefined || person !== undefined || agent !== undefined;
    return {
      via: "proxy",
      service,
      port,
      principal: { workload, person, agent },
      sourceIp: named && !this.#byAddress(service) ? undefined : addressOf(text(fields, "src.addr")),
      sni: text(fields, "sni"),
    };
  }

  /** What there is, once everything was read. */
  end(): Observations {
    for (const [id, single] of this.#open) {
      this.#records += 1;
      this.#add(single);
      this.#open.delete(id);
    }
    return {
      observed: [...this.#byKey.values()],
      records: this.#records,
      covers: this.#from <= this.#to ? { from: this.#from, to: this.#to } : undefined,
      lost: this.#lost,
      unreadable: this.#unreadable,
      beyond: this.#beyond,
      unattributed: this.#unattributed,
    };
  }

  #take(fields: Fields, place: LogPlace): void {
    const time = Date.parse(text(fields, "time") ?? "");
    if (Number.isNaN(time)) {
      this.#unreadable += 1;
      return;
    }
    this.#from = Math.min(this.#from, time);
    this.#to = Math.max(this.#to, time);
    if (fields["event"] === "gap" && time >= this.#since && time < this.#until) {
      this.#lost += number(fields, "lost") ?? 0;
    }
    const event = fields["event"];
    if ((event !== "close" && event !== "update") || time < this.#since || time >= this.#until) return;
    const id = text(fields, "connection");
    const before = id === undefined ? undefined : this.#open.get(id);
    if (event === "close") {
      this.#records += 1;
      if (id !== undefined) this.#open.delete(id);
    }
    const connection = this.#connectionOf(fields);
    if (!connection) {
      if (event === "close") this.#unattributed += 1;
      return;
    }
    const single: Single = {
      connection,
      verdict: fields["verdict"] === "allow" ? "allow" : "deny",
      reason: text(fields, "reason") ?? "",
      rules: texts(fields, "rules") ?? (text(fields, "rule") === undefined ? [] : [String(fields["rule"])]),
      bytes: (number(fields, "bytes_sent") ?? 0) + (number(fields, "bytes_recv") ?? 0),
      first: before?.first ?? time,
      time,
      place,
    };
    if (event === "close") this.#add(single);
    else if (id === undefined) return;
    else if (before || this.#open.size < MAX_OBSERVED) this.#open.set(id, single);
    else this.#beyond += 1;
  }

  #add({ connection, verdict, reason, rules, bytes, first, time, place }: Single): void {
    const key = JSON.stringify([connection, verdict, reason, rules]);
    const known = this.#byKey.get(key);
    if (known) {
      known.count += 1;
      known.bytes += bytes;
      known.first = Math.min(known.first, first);
      if (time >= known.last) {
        known.last = time;
        known.lastAt = place;
      }
    } else if (this.#byKey.size >= MAX_OBSERVED) this.#beyond += 1;
    else {
      const seen = { count: 1, bytes, first, last: time, lastAt: place };
      this.#byKey.set(key, { connection, verdict, reason, rules, ...seen });
    }
  }
}

/** `10.0.0.1:4711` and `2001:db8::1:4711` as the proxy writes them: the port is what follows the last colon. */
function addressOf(source: string | undefined): string | undefined {
  const colon = source?.lastIndexOf(":") ?? -1;
  return colon > 0 ? source?.slice(0, colon).replace(/^\[|\]$/g, "") : undefined;
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === "string" ? value : undefined;
}

function number(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function texts(fields: Fields, name: string): string[] | undefined {
  const value = fields[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : undefined;
}

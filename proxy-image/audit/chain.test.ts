import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { logFiles } from "../../cli/audit/log-files.ts";
import type { Verification, VerifyOptions } from "../../cli/audit/verification.ts";
import { verifyFiles } from "../../cli/audit/verify-files.ts";
import { GENESIS, readSeal, seal } from "../../policy/audit/chain-line.ts";
import { until } from "../../test/cluster/until.ts";
import { AuditLog } from "./audit-log.ts";
import { Chain } from "./chain.ts";
import { FileSink, type FileSinkOptions } from "./file-sink.ts";
import { fileSigner } from "./signer.ts";
import type { Sink } from "./sink.ts";

let dir = "";
let path = "";
const pair = generateKeyPairSync("ed25519");

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "portreeve-chain-"));
  path = join(dir, "audit.jsonl");
  writeFileSync(join(dir, "key.pem"), pair.privateKey.export({ type: "pkcs8", format: "pem" }));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Opened {
  readonly log: AuditLog;
  write(count: number): Promise<void>;
}

function open(options: Partial<FileSinkOptions> = {}, more: readonly Sink[] = [], signed = false): Opened {
  const sink = new FileSink({ path, maxBytes: 1 << 20, maxFiles: 5, fsync: "never", ...options });
  const signer = signed ? fileSigner(join(dir, "key.pem")) : undefined;
  const chain = new Chain({ writer: { proxy: "p" }, signer, every: 10 });
  const log = new AuditLog([sink, ...more], 50, 5, chain);
  log.open(60_000);
  let next = 0;
  return {
    log,
    write: async (count) => {
      for (let index = 0; index < count; index++) {
        log.write(`${JSON.stringify({ connection: `c${next++}`, user: 'zoë "x"' })}\n`);
      }
      await log.drained();
    },
  };
}

const verify = (options?: VerifyOptions): Promise<Verification> => verifyFiles(logFiles([dir]), options);
const events = (file = path): string[] =>
  readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => String((JSON.parse(line) as Record<string, unknown>)["event"] ?? "record"));

describe("a chain of records", () => {
  test("holds over batches, and ends with a line that says so", async () => {
    const { log, write } = open();
    await write(3);
    await write(2);
    await log.close();
    expect(events()).toEqual(["start", "record", "record", "record", "record", "record", "checkpoint"]);
    const { problems, notes, chains } = await verify();
    expect([problems, notes]).toEqual([[], []]);
    expect(chains).toMatchObject([{ first: 0, last: 6, closed: true }]);
  });

  test("is seen at the start, before anybody connects", async () => {
    const { log } = open();
    await log.drained();
    expect(events()).toEqual(["start"]);
    await log.close();
  });

  test("goes on over rotated files, each of which says that it is not the first", async () => {
    const { log, write } = open({ maxBytes: 2_000 });
    for (let batch = 0; batch < 6; batch++) await write(3);
    await log.close();
    const files = logFiles([dir]);
    expect(files.length).toBeGreaterThan(2);
    expect(files.map((file) => events(file)[0])).toEqual(["start", ...files.slice(1).map(() => "rotate")]);
    expect((await verify()).problems).toEqual([]);
    rmSync(files[0] ?? "");
    const cut = await verify();
    expect(cut.problems).toEqual([]);
    expect(cut.notes.map(({ message }) => message).join()).toMatch(
      /before \d+ are not in these files: an older file/,
    );
  });

  test("of a process that was killed in the middle of a line is explained by the next one", async () => {
    const first = open();
    await first.write(3);
    appendFileSync(path, '{"connection":"c3","us');
    const second = open();
    await second.write(1);
    await second.log.close();
    const { problems, notes, chains } = await verify();
    expect(problems).toEqual([]);
    expect(chains).toHaveLength(2);
    expect(notes.map(({ line, message }) => `${line} ${message}`)).toEqual([
      expect.stringMatching(/^5 an unfinished line of 22 bytes: its writer was killed/),
      expect.stringMatching(/^6 chain \S+ ends at line 3 without its closing line/),
    ]);
  });

  test("of a process that was killed between a line and its line feed has that line", async () => {
    const first = open();
    await first.write(2);
    truncateSync(path, readFileSync(path).length - 1);
    const second = open();
    await second.write(1);
    await second.log.close();
    expect((await verify()).problems).toEqual([]);
  });

  test("whose last lines were cut off is told by the chain that followed", async () => {
    const first = open();
    await first.write(3);
    await first.log.close();
    const second = open();
    await second.log.close();
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, [...lines.slice(0, 3), ...lines.slice(5)].join("\n"));
    expect((await verify()).problems).toMatchObject([{ kind: "cut-end", line: 4 }]);
    writeFileSync(path, lines.slice(5).join("\n"));
    expect((await verify()).problems).toMatchObject([{ kind: "missing-chain", line: 1 }]);
  });

  test("says how many records were lost, whether before they were numbered or by one of several sinks", async () => {
    const broken: Sink & { failing: boolean } = {
      name: "otlp",
      failing: false,
      write: async () => {
        if (broken.failing) throw new Error("down");
      },
      close: async () => {},
    };
    const { log, write } = open({}, [broken]);
    await write(60);
    expect(log.lost).toBe(10);
    broken.failing = true;
    log.write('{"connection":"x"}\n');
    await until("the failure is told", 5, () => !log.healthy);
    broken.failing = false;
    await write(1);
    await until("it is written again", 5, () => log.healthy);
    await log.drained();
    await log.close();
    expect(events().filter((event) => event === "gap")).toHaveLength(2);
    const { problems, notes } = await verify();
    expect(problems).toEqual([]);
    expect(notes.map(({ message }) => message)).toEqual([
      "10 records were lost: they could not be written, and the proxy says so",
      '1 records were lost by the sink "otlp": they could not be written, and the proxy says so',
    ]);
  });

  test("of a sink that failed for several batches says of all of them that they are lost", async () => {
    const file = new FileSink({ path, maxBytes: 1 << 20, maxFiles: 5, fsync: "never" });
    let failures = 0;
    const failing: Sink = {
      name: "file",
      write: async (text) => {
        if (failures > 0) {
          failures -= 1;
          throw new Error("no space left");
        }
        await file.write(text);
      },
      close: () => file.close(),
    };
    const other: Sink = { name: "otlp", write: async () => {}, close: async () => {} };
    const log = new AuditLog([failing, other], 50, 5, new Chain({ writer: {}, every: 10 }));
    log.open(60_000);
    log.write('{"a":1}\n');
    await log.drained();
    failures = 3;
    for (let index = 0; index < 5; index++) {
      log.write('{"b":1}\n');
      await log.drained();
    }
    await until("it is written again", 5, () => log.healthy);
    await log.close();
    expect(failures).toBe(0);
    const { problems, notes } = await verify();
    expect(problems).toEqual([]);
    expect(notes.map(({ message }) => message)).toEqual([
      '3 records were lost by the sink "file": they could not be written, and the proxy says so',
    ]);
  });

  test("is tried again as it is while the one sink fails, so that no number is missing", async () => {
    const lines: string[] = [];
    let failing = true;
    const sink: Sink = {
      name: "s",
      write: async (text) => {
        if (failing) throw new Error("no space left");
        lines.push(text);
      },
      close: async () => {},
    };
    const log = new AuditLog([sink], 100, 5, new Chain({ writer: {}, every: 10 }));
    log.write('{"a":1}\n');
    await until("the failure is told", 5, () => !log.healthy);
    log.write('{"a":2}\n');
    failing = false;
    await until("all is written", 5, () => log.written === 2);
    writeFileSync(path, lines.join(""));
    expect((await verify()).problems).toEqual([]);
  });
});

describe("signed checkpoints", () => {
  test("come after so many lines, at the start and at the end, and are verified with the public key", async () => {
    const { log, write } = open({}, [], true);
    await write(25);
    await log.close();
    expect(events().filter((event) => event === "checkpoint")).toHaveLength(4);
    const { problems, chains } = await verify({ keys: [pair.publicKey] });
    expect(problems).toEqual([]);
    expect(chains).toMatchObject([{ unprotected: 0, closed: true }]);
    const other = generateKeyPairSync("ed25519").publicKey;
    expect((await verify({ keys: [other] })).problems.map(({ kind }) => kind)).toContain("signature");
  });

  test("find a past that was written anew with right hashes, which the chain alone does not", async () => {
    const { log, write } = open({}, [], true);
    await write(25);
    await log.close();
    const forged = new Chain({ writer: {}, every: 10 });
    let prev = GENESIS;
    const lines = readFileSync(path, "utf8").trim().split("\n");
    const anew = lines.map((line, seq) => {
      const body = line.slice(0, line.indexOf(',"chain":')).replace("c7", "c8");
      const sealed = seal(body, forged.id, seq, prev);
      prev = sealed.hash;
      return sealed.line;
    });
    writeFileSync(path, anew.join(""));
    expect((await verify()).problems).toEqual([]);
    expect((await verify({ keys: [pair.publicKey] })).problems.map(({ kind }) => kind)).toContain(
      "signature",
    );
  });

  /** The lines of a log, and the end of a line that would come after them. */
  async function written(options: Partial<FileSinkOptions> = {}): Promise<string[]> {
    const { log, write } = open(options, [], true);
    for (let batch = 0; batch < 5; batch++) await write(5);
    await log.close();
    return readFileSync(path, "utf8").trim().split("\n");
  }

  const kinds = async (lines: readonly string[]): Promise<unknown> => {
    writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
    return (await verify({ keys: [pair.publicKey] })).problems.map(({ kind }) => kind);
  };

  /** A line behind these, with right hashes, as anybody could make it. */
  function forged(lines: readonly string[], body: object): string {
    const last = readSeal(Buffer.from(lines.at(-1) ?? ""));
    const text = JSON.stringify(body).slice(0, -1);
    return seal(text, last?.chain ?? "", (last?.seq ?? 0) + 1, last?.hash ?? "").line.trimEnd();
  }
  const time = "2026-11-21T00:00:00.000Z";

  test("are needed behind a line that says what was lost: it could be there to hide what was taken out", async () => {
    const lines = (await written()).slice(0, -1);
    const open = lines.toSpliced(5, 1);
    const gap = { time, event: "gap", lost: 1, sink: "file", from: 5, to: 5 };
    expect(await kinds([...open, forged(open, gap)])).toEqual(["missing"]);
    writeFileSync(path, [...open, forged(open, gap)].map((line) => `${line}\n`).join(""));
    expect((await verify()).problems).toEqual([]);
  });

  test("are what ends a chain: an end without one could stand in the place of lines that were cut off", async () => {
    const lines = (await written()).slice(0, -4);
    const closed = [...lines, forged(lines, { time, event: "checkpoint", final: true })];
    writeFileSync(path, closed.map((line) => `${line}\n`).join(""));
    const { chains, notes } = await verify({ keys: [pair.publicKey] });
    expect(chains).toMatchObject([{ closed: false }]);
    expect(notes.map(({ message }) => message).join()).toContain("or later lines were cut off");
  });

  test("are missed in a further file as well, whose first line says how often they come", async () => {
    const lines = await written({ maxBytes: 4_000, maxFiles: 1 });
    expect(lines[0]).toContain('"event":"rotate"');
    for (const file of logFiles([dir])) if (file !== path) rmSync(file);
    const more = lines.slice(0, -1);
    expect(more.filter((line) => line.includes('"sig":'))).not.toEqual([]);
    for (let index = 0; index < 20; index++)
      more.push(forged(more, { time, event: "close", connection: "x" }));
    expect(await kinds(more)).toEqual(["unsigned"]);
    expect(await kinds(lines)).toEqual([]);
  });

  test("that cannot be made are told, and records go on", async () => {
    const failures: string[] = [];
    const signer = { keyId: "k", sign: () => Promise.reject(new Error("throttled")) };
    const chain = new Chain({ writer: {}, signer, every: 2, onSignFailure: (error) => failures.push(error) });
    const log = new AuditLog(
      [new FileSink({ path, maxBytes: 1e6, maxFiles: 1, fsync: "never" })],
      50,
      5,
      chain,
    );
    for (let index = 0; index < 6; index++) log.write('{"a":1}\n');
    await log.drained();
    await log.close();
    expect(log.written).toBe(6);
    expect(chain.failures).toBe(failures.length);
    expect(failures[0]).toBe("throttled");
    expect((await verify()).problems).toEqual([]);
    expect((await verify({ keys: [pair.publicKey] })).problems).toMatchObject([{ kind: "unsigned" }]);
  });
});

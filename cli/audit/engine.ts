import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { CliError } from "../exit.ts";
import { literal, recordsView } from "./records-table.ts";

export interface EngineOptions {
  /** Such as `512MB`: beyond it, DuckDB spills to disk. */
  readonly memory: string;
  /** Where it may write; nothing else can be read or written. */
  readonly writes?: string | undefined;
}

/**
 * DuckDB over these files, as the view `records`. It can read them, and nothing else: no other file, no network, no
 * extension.
 *
 * @throws CliError when DuckDB is not installed
 */
export async function withRecords<Result>(
  files: readonly string[],
  { memory, writes }: EngineOptions,
  work: (connection: DuckDBConnection) => Promise<Result>,
): Promise<Result> {
  if (!/^\d{1,6}(\.\d+)?(MB|GB|MiB|GiB)$/.test(memory))
    throw new CliError(`--memory "${memory}": write 512MB or 2GB`);
  const { DuckDBInstance } = await load();
  const folder = mkdtempSync(join(tmpdir(), "portreeve-audit-"));
  try {
    const readable = await Promise.all(files.map((file) => (file === "-" ? spool(folder) : file)));
    const instance = await DuckDBInstance.create(":memory:", {
      memory_limit: memory,
      temp_directory: folder,
    });
    const connection = await instance.connect();
    try {
      const paths = [...readable, ...(writes === undefined ? [] : [writes])].map(literal).join(", ");
      await connection.run("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false");
      await connection.run(`SET allowed_paths = [${paths}]; SET allowed_directories = [${literal(folder)}]`);
      await connection.run("SET enable_external_access = false; SET lock_configuration = true");
      await connection.run(recordsView(readable));
      return await work(connection);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one statement; what DuckDB says of it is the user's to read. */
export async function ask<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(
      `the query failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      undefined,
      { cause },
    );
  }
}

async function load(): Promise<typeof import("@duckdb/node-api")> {
  try {
    return await import("@duckdb/node-api");
  } catch (cause) {
    throw new CliError(
      "audit query and audit export need DuckDB, an optional dependency that is not installed here: npm install @duckdb/node-api (verify, report and suggest work without)",
      undefined,
      { cause },
    );
  }
}

/** Standard input as a file, because it is read in parallel and may be read twice. */
async function spool(folder: string): Promise<string> {
  const path = join(folder, "stdin.jsonl");
  await pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }));
  return path;
}

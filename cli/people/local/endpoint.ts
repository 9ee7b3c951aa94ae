import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CliError } from "../../exit.ts";

/** Where clients on this machine connect to. */
export type Endpoint =
  | { readonly type: "port"; readonly host: "127.0.0.1"; readonly port: number }
  | { readonly type: "socket"; readonly path: string };

/** Where they shall: a port (0: any that is free), or a Unix socket. */
export type Wanted =
  | { readonly type: "port"; readonly port: number }
  | { readonly type: "socket"; readonly path: string; readonly remove: () => void };

/**
 * A Unix socket for one service. Without a path it is in a new folder that only this user can enter, named as the
 * protocol's clients expect it.
 *
 * @throws CliError when the path is taken, or there are no Unix sockets here
 */
export function socketFor(path: string | undefined, service: string, port: number, protocol: string): Wanted {
  if (process.platform === "win32")
    throw new CliError("connect: --socket is for Unix sockets, which are no files on Windows");
  if (path === undefined) {
    const dir = mkdtempSync(join(process.env["XDG_RUNTIME_DIR"] || tmpdir(), "portreeve-"));
    const name = protocol === "postgres" ? `.s.PGSQL.${port}` : `${service}.sock`;
    return {
      type: "socket",
      path: join(dir, name),
      remove: () => rmSync(dir, { recursive: true, force: true }),
    };
  }
  const absolute = resolve(path);
  if (existsSync(absolute) || isLink(absolute))
    throw new CliError(`connect: --socket ${path} is there already; remove it or name another`);
  // sun_path holds 108 bytes on Linux and 104 on macOS, and what is longer is cut or refused in words nobody understands.
  if (Buffer.byteLength(absolute) > 103)
    throw new CliError(
      `connect: --socket ${absolute} is longer than the 103 bytes that a socket's path may have`,
    );
  mkdirSync(dirname(absolute), { recursive: true, mode: 0o700 });
  return { type: "socket", path: absolute, remove: () => rmSync(absolute, { force: true }) };
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** The endpoint in words. */
export function endpointText(endpoint: Endpoint): string {
  return endpoint.type === "port" ? `${endpoint.host}:${endpoint.port}` : endpoint.path;
}

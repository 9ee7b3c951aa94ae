import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadFfi, native, type Pointer } from "../native/libc.ts";

/** A configuration or a session in the library's memory. Never made up, and not used once it is freed. */
export type Handle = number & { readonly handle: unique symbol };

/** What `rustls/src` exports; its comments say what each does. A handle of 0 is answered by failure. */
export interface RustlsLibrary {
  portreeve_tls_abi(): number;
  portreeve_tls_config(
    chain: Uint8Array,
    chainLength: number,
    key: Uint8Array,
    keyLength: number,
    roots: Uint8Array,
    rootsLength: number,
    client: number,
    tls12: number,
    why: Pointer,
    whyRoom: number,
  ): Handle | null;
  portreeve_tls_config_free(config: Handle): void;
  portreeve_tls_open(config: Handle): Handle | null;
  portreeve_tls_free(session: Handle): void;
  portreeve_tls_receive(
    session: Handle,
    input: Uint8Array,
    length: number,
    plain: Pointer,
    room: number,
    socket: number,
    report: Pointer,
  ): void;
  portreeve_tls_write(
    session: Handle,
    data: Uint8Array,
    length: number,
    socket: number,
    sent: Pointer,
  ): number;
  portreeve_tls_flush(session: Handle, socket: number): number;
  portreeve_tls_end(session: Handle, socket: number): number;
  portreeve_tls_facts(session: Handle, out: Pointer, room: number): number;
  portreeve_tls_failure(session: Handle, out: Pointer, room: number): number;
  portreeve_tls_live_configs(): number;
  portreeve_tls_live_sessions(): number;
}

const INT = "i32";
const UINT = "u32";
const SIZE = "u64";
const POINTER = "ptr";
/** The bytes of an array, taken from it at the moment of the call. */
const BYTES = "buffer";

const SYMBOLS = {
  portreeve_tls_abi: { args: [], returns: UINT },
  portreeve_tls_config: {
    args: [BYTES, SIZE, BYTES, SIZE, BYTES, SIZE, UINT, UINT, POINTER, SIZE],
    returns: POINTER,
  },
  portreeve_tls_config_free: { args: [POINTER], returns: "void" },
  portreeve_tls_open: { args: [POINTER], returns: POINTER },
  portreeve_tls_free: { args: [POINTER], returns: "void" },
  portreeve_tls_receive: { args: [POINTER, BYTES, SIZE, POINTER, SIZE, INT, POINTER], returns: "void" },
  portreeve_tls_write: { args: [POINTER, BYTES, SIZE, INT, POINTER], returns: "i64_fast" },
  portreeve_tls_flush: { args: [POINTER, INT], returns: INT },
  portreeve_tls_end: { args: [POINTER, INT], returns: INT },
  portreeve_tls_facts: { args: [POINTER, POINTER, SIZE], returns: "i64_fast" },
  portreeve_tls_failure: { args: [POINTER, POINTER, SIZE], returns: UINT },
  portreeve_tls_live_configs: { args: [], returns: UINT },
  portreeve_tls_live_sessions: { args: [], returns: UINT },
} as const;

/** Of the interface above; the library's `ABI`. */
const ABI = 1;

const FILE = "libportreeve_rustls.so";

/** Where the library is looked for, unless `PORTREEVE_RUSTLS` names it: beside the proxy's sources, and in its image. */
const PLACES = [join(import.meta.dirname, "../../rustls", FILE), join("/usr/lib/portreeve", FILE)];

/**
 * The library; undefined where there is none, where plain sockets are not the proxy's own, and where `PORTREEVE_RUSTLS` is
 * `off`.
 *
 * @throws when a library that `PORTREEVE_RUSTLS` names cannot be used: whoever names one means it
 */
export const rustls: RustlsLibrary | undefined = await load();

async function load(): Promise<RustlsLibrary | undefined> {
  const named = process.env["PORTREEVE_RUSTLS"] || undefined;
  if (named === "off" || !native) return undefined;
  const path = named ?? PLACES.find((place) => existsSync(place));
  if (path === undefined) return undefined;
  let library: RustlsLibrary;
  try {
    library = (await loadFfi()).dlopen(path, SYMBOLS).symbols as RustlsLibrary;
  } catch (cause) {
    if (named === undefined) return undefined;
    throw new Error(`PORTREEVE_RUSTLS: ${path} cannot be opened`, { cause });
  }
  if (library.portreeve_tls_abi() === ABI) return library;
  if (named === undefined) return undefined;
  throw new Error(`PORTREEVE_RUSTLS: ${path} is of another version of the proxy`);
}

/** The library; only code that has found it to be there calls this. */
export function requireRustls(): RustlsLibrary {
  if (!rustls) throw new Error("there is no rustls library here");
  return rustls;
}

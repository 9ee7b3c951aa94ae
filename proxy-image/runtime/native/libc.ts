import { constants } from "node:os";
import { bun } from "../bun.ts";

/** An address in memory. Of a {@link Memory}, so that it stays what it is. */
export type Pointer = number & { readonly pointer: unique symbol };

/** The calls of the C library that sockets are made of. All return -1 for a failure, which `errno` tells. */
export interface LibC {
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, descriptor: number, event: Pointer): number;
  epoll_wait(epoll: number, events: Pointer, most: number, timeoutMs: number): number;
  accept4(descriptor: number, address: Pointer, length: Pointer, flags: number): number;
  socket(family: number, type: number, protocol: number): number;
  bind(descriptor: number, address: Pointer, length: number): number;
  listen(descriptor: number, backlog: number): number;
  connect(descriptor: number, address: Pointer, length: number): number;
  getsockname(descriptor: number, address: Pointer, length: Pointer): number;
  recv(descriptor: number, buffer: Pointer, length: number, flags: number): number;
  send(descriptor: number, bytes: Uint8Array, length: number, flags: number): number;
  shutdown(descriptor: number, how: number): number;
  close(descriptor: number): number;
  setsockopt(descriptor: number, level: number, name: number, value: Pointer, length: number): number;
  getsockopt(descriptor: number, level: number, name: number, value: Pointer, length: Pointer): number;
  /** Why the last call failed. To be asked at once. */
  errno(): number;
}

/** `bun:ffi`, as far as it is used. */
export interface Ffi {
  dlopen(
    library: string,
    symbols: Readonly<Record<string, { readonly args: readonly string[]; readonly returns: string }>>,
  ): { readonly symbols: unknown };
  ptr(memory: ArrayBufferView): Pointer;
  toArrayBuffer(pointer: number, offset: number, length: number): ArrayBuffer;
}

interface Loaded {
  readonly libc: LibC;
  readonly ptr: Ffi["ptr"];
}

const INT = "i32";
const UINT = "u32";
const SIZE = "u64";
const POINTER = "ptr";

const SYMBOLS = {
  epoll_create1: { args: [INT], returns: INT },
  epoll_ctl: { args: [INT, INT, INT, POINTER], returns: INT },
  epoll_wait: { args: [INT, POINTER, INT, INT], returns: INT },
  accept4: { args: [INT, POINTER, POINTER, INT], returns: INT },
  socket: { args: [INT, INT, INT], returns: INT },
  bind: { args: [INT, POINTER, UINT], returns: INT },
  listen: { args: [INT, INT], returns: INT },
  connect: { args: [INT, POINTER, UINT], returns: INT },
  getsockname: { args: [INT, POINTER, POINTER], returns: INT },
  recv: { args: [INT, POINTER, SIZE, INT], returns: "i64_fast" },
  // The bytes of whoever writes: taken from the array at the moment of the call, and read only while it lasts.
  send: { args: [INT, "buffer", SIZE, INT], returns: "i64_fast" },
  shutdown: { args: [INT, INT], returns: INT },
  close: { args: [INT], returns: INT },
  setsockopt: { args: [INT, INT, INT, POINTER, UINT], returns: INT },
  getsockopt: { args: [INT, INT, INT, POINTER, POINTER], returns: INT },
  __errno_location: { args: [], returns: POINTER },
} as const;

/** The C library; undefined where there is none that is known, as on macOS. */
export const native: Loaded | undefined = await load();

async function load(): Promise<Loaded | undefined> {
  if (!bun || process.platform !== "linux") return undefined;
  const { dlopen, ptr, toArrayBuffer } = await loadFfi();
  for (const library of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
    try {
      const symbols = dlopen(library, SYMBOLS).symbols as LibC & { __errno_location(): number };
      const errno = new Int32Array(toArrayBuffer(symbols.__errno_location(), 0, 4));
      return { libc: { ...symbols, errno: () => errno[0] ?? 0 }, ptr };
    } catch {
      // Another C library, or none that can be opened.
    }
  }
  return undefined;
}

/** Under Bun only. */
export async function loadFfi(): Promise<Ffi> {
  // A name that the type checker must not look for: the module exists under Bun alone.
  const name: string = "bun:ffi";
  return (await import(name)) as Ffi;
}

/** The C library; only code that has found it to be there calls this. */
export function requireNative(): Loaded {
  if (!native) throw new Error("there is no C library here that the proxy knows");
  return native;
}

/**
 * Memory whose address may be given away. Its bytes lie in a buffer of their own: the runtime moves those of a small typed
 * array, and frees those of one that nothing refers to, whatever holds the address; so the two are kept together, and
 * whoever uses the address keeps this.
 */
export class Memory {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  readonly at: Pointer;

  /** @param length bytes; a multiple of 4 */
  constructor(length: number) {
    const buffer = new ArrayBuffer(length);
    this.bytes = new Uint8Array(buffer);
    this.ints = new Int32Array(buffer);
    this.at = requireNative().ptr(this.bytes);
  }

  /** One `int`. */
  static int(value: number): Memory {
    const memory = new Memory(4);
    memory.ints[0] = value;
    return memory;
  }
}

/** Of two names for one number the first, as EAGAIN, which is EWOULDBLOCK too. */
const names = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** An error's name, such as `ECONNREFUSED`. */
export function errorName(number: number): string {
  return names.get(number) ?? `error ${number}`;
}

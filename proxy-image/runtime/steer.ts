import { bun } from "./bun.ts";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;

/** The one call into the C library that Bun's own API has no way to make. */
interface Ffi {
  dlopen(
    library: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, (...args: unknown[]) => number> };
  ptr(memory: Uint8Array): number;
}

const ffi = await loadFfi();

async function loadFfi(): Promise<
  { setsockopt: (...args: unknown[]) => number; ptr: Ffi["ptr"] } | undefined
> {
  if (!bun || process.platform !== "linux") return undefined;
  // A name that the type checker must not look for: the module exists under Bun alone.
  const name: string = "bun:ffi";
  for (const library of ["libc.so.6", "libc.so"]) {
    try {
      const { dlopen, ptr } = (await import(name)) as Ffi;
      const { symbols } = dlopen(library, {
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      });
      if (symbols["setsockopt"]) return { setsockopt: symbols["setsockopt"], ptr };
    } catch {
      // Another C library, or none to be opened: then a listener is replaced the plain way.
    }
  }
  return undefined;
}

/**
 * Sends every new connection of a port to one of the sockets that share it by `SO_REUSEPORT`, by a one-instruction
 * classic BPF program (socket(7), SO_ATTACH_REUSEPORT_CBPF). The kernel resets what waits in the queue of a socket that is
 * closed; a socket that has been given nothing new for a while has an empty queue, and can be closed without loss.
 *
 * @param descriptor any socket of the port
 * @param index which one, in the order in which they were bound
 * @returns whether the kernel took it
 */
export function steerTo(descriptor: number, index: number): boolean {
  if (!ffi) return false;
  // struct sock_filter { u16 code = BPF_RET | BPF_K; u8 jt; u8 jf; u32 k }
  const filter = new Uint8Array(8);
  const filterView = new DataView(filter.buffer);
  filterView.setUint16(0, 0x06, true);
  filterView.setUint32(4, index, true);
  // struct sock_fprog { u16 len; struct sock_filter *filter }
  const program = new Uint8Array(16);
  const programView = new DataView(program.buffer);
  programView.setUint16(0, 1, true);
  programView.setBigUint64(8, BigInt(ffi.ptr(filter)), true);
  return (
    ffi.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ffi.ptr(program), program.length) === 0
  );
}

/** Lets the kernel choose again. */
export function steerNoMore(descriptor: number): void {
  if (!ffi) return;
  const zero = new Uint8Array(4);
  ffi.setsockopt(descriptor, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, ffi.ptr(zero), zero.length);
}

import { SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF, SOL_SOCKET } from "./native/constants.ts";
import { Memory, native } from "./native/libc.ts";

/** Kept for good: the kernel reads them while a call lasts, and an address alone keeps nothing. */
const used = native && { filter: new Memory(8), program: new Memory(16), zero: Memory.int(0) };

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
  if (!native || !used) return false;
  const { filter, program } = used;
  // struct sock_filter { u16 code = BPF_RET | BPF_K; u8 jt; u8 jf; u32 k }
  filter.ints.set([0x06, index]);
  // struct sock_fprog { u16 len; struct sock_filter *filter }
  program.ints[0] = 1;
  new BigUint64Array(program.bytes.buffer)[1] = BigInt(filter.at);
  const { length } = program.bytes;
  return native.libc.setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program.at, length) === 0;
}

/** Lets the kernel choose again. */
export function steerNoMore(descriptor: number): void {
  if (used) native?.libc.setsockopt(descriptor, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, used.zero.at, 4);
}

/** A PROXY protocol header as read. */
export type ProxyHeader =
  | { readonly state: "more" }
  | { readonly state: "bad"; readonly why: string }
  | {
      readonly state: "done";
      /** Bytes that the header takes; what follows is the connection's own. */
      readonly length: number;
      /** The client; undefined for LOCAL and UNKNOWN: the balancer's own connection, such as a health check. */
      readonly source: { readonly address: string; readonly port: number } | undefined;
    };

const V2_SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a] as const;
/** Section 2.1: "the longest line is 107 characters", CRLF included. */
const V1_MAX = 107;
/** A v2 header may say up to 65535; TLVs of real balancers stay far below this. */
const V2_MAX = 4_096;

/** Reads a PROXY protocol header, version 1 or 2, from the first bytes of a connection (HAProxy's specification, 2020). */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (bytes.length === 0) return { state: "more" };
  if (bytes[0] === 0x50) return readV1(bytes);
  const known = Math.min(bytes.length, V2_SIGNATURE.length);
  for (let index = 0; index < known; index++) {
    if (bytes[index] !== V2_SIGNATURE[index]) return bad("no PROXY header");
  }
  return bytes.length < 16 ? { state: "more" } : readV2(bytes);
}

function readV1(bytes: Uint8Array): ProxyHeader {
  const limit = Math.min(bytes.length, V1_MAX);
  let end = -1;
  for (let index = 0; index < limit; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === 0x0a) {
      end = index;
      break;
    }
    if ((byte < 0x20 && byte !== 0x0d) || byte > 0x7e) return bad("no PROXY header");
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? limit : end + 1).toString("latin1");
  if (end < 0) {
    // Refuse at the first byte that cannot become a header, rather than wait for a line that never ends.
    if (!"PROXY ".startsWith(text.slice(0, 6))) return bad("no PROXY header");
    return bytes.length >= V1_MAX ? bad("the v1 line is too long") : { state: "more" };
  }
  const length = end + 1;
  if (/^PROXY UNKNOWN( [\x20-\x7e]*)?\r\n$/.test(text)) return { state: "done", length, source: undefined };
  const match = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})\r\n$/.exec(text);
  if (!match) return bad("a malformed v1 line");
  const [, family, source = "", destination = "", sourcePort = "", destinationPort = ""] = match;
  const valid = family === "4" ? isIpv4 : isIpv6;
  if (!valid(source) || !valid(destination)) return bad("a malformed v1 address");
  const port = readPort(sourcePort);
  if (port === undefined || readPort(destinationPort) === undefined) return bad("a malformed v1 port");
  return { state: "done", length, source: { address: source, port } };
}

function readPort(text: string): number | undefined {
  const port = Number(text);
  return port <= 65_535 && String(port) === text ? port : undefined;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}

function isIpv6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [at, part] of parts.entries()) {
      const last = index === halves.length - 1 && at === parts.length - 1;
      if (last && isIpv4(part)) groups += 2;
      else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups += 1;
      else return false;
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

function readV2(bytes: Uint8Array): ProxyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versionCommand = view.getUint8(12);
  if (versionCommand >> 4 !== 2) return bad("an unknown version");
  const command = versionCommand & 0x0f;
  if (command > 1) return bad("an unknown v2 command");
  const size = view.getUint16(14);
  if (size > V2_MAX) return bad("the v2 header is too long");
  const length = 16 + size;
  if (bytes.length < length) return { state: "more" };
  if (command === 0) return { state: "done", length, source: undefined };
  switch (view.getUint8(13)) {
    case 0x11: {
      if (size < 12) return bad("the v2 addresses are cut off");
      const address = [16, 17, 18, 19].map((at) => view.getUint8(at)).join(".");
      return { state: "done", length, source: { address, port: view.getUint16(24) } };
    }
    case 0x21: {
      if (size < 36) return bad("the v2 addresses are cut off");
      const groups: string[] = [];
      for (let at = 16; at < 32; at += 2) groups.push(view.getUint16(at).toString(16));
      return { state: "done", length, source: { address: groups.join(":"), port: view.getUint16(48) } };
    }
    case 0x00:
      return { state: "done", length, source: undefined };
    default:
      return bad("a v2 family other than TCP over IPv4 or IPv6");
  }
}

function bad(why: string): ProxyHeader {
  return { state: "bad", why };
}

/** TLV type for the client's SPIFFE ID: PP2_TYPE_MIN_CUSTOM + 1. */
export const PP2_TYPE_SPIFFE_ID = 0xe1;

/** Writes a version 2 header. Addresses that are not both of one family are announced as unspecified. */
export function writeProxyHeader(
  source: { readonly address: string; readonly port: number },
  destination: { readonly address: string; readonly port: number },
  spiffeId: string | undefined,
): Uint8Array {
  const from = addressBytes(source.address);
  const to = addressBytes(destination.address);
  const same = from.length === to.length && from.length > 0;
  const tlv = spiffeId === undefined ? new Uint8Array(0) : new TextEncoder().encode(spiffeId);
  const addresses = same ? from.length * 2 + 4 : 0;
  const size = addresses + (tlv.length > 0 ? tlv.length + 3 : 0);
  const header = new Uint8Array(16 + size);
  const view = new DataView(header.buffer);
  header.set(V2_SIGNATURE, 0);
  view.setUint8(12, 0x21);
  view.setUint8(13, same ? (from.length === 4 ? 0x11 : 0x21) : 0);
  view.setUint16(14, size);
  if (same) {
    header.set(from, 16);
    header.set(to, 16 + from.length);
    view.setUint16(16 + from.length * 2, source.port);
    view.setUint16(18 + from.length * 2, destination.port);
  }
  if (tlv.length > 0) {
    view.setUint8(16 + addresses, PP2_TYPE_SPIFFE_ID);
    view.setUint16(17 + addresses, tlv.length);
    header.set(tlv, 19 + addresses);
  }
  return header;
}

/** The address's bytes; an IPv4-mapped one as IPv4; empty for what is no address. */
function addressBytes(text: string): Uint8Array {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1] ?? text;
  if (isIpv4(plain)) return Uint8Array.from(plain.split("."), Number);
  if (!isIpv6(plain)) return new Uint8Array(0);
  const [left = "", right] = plain.split("::");
  const groups = (half: string): number[] =>
    half === ""
      ? []
      : half.split(":").flatMap((part) => {
          if (!part.includes(".")) return [Number.parseInt(part, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

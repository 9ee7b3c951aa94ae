import { isIpAddress, isIpv4 } from "./address.ts";

/** The parts of a URL that Istio's rules look at. */
export interface GoUrl {
  readonly scheme: string;
  /** The text after the last colon of the host, without the colon; "" when there is none. */
  readonly port: string;
}

/** Reads a URL as Go's `url.ParseRequestURI`: absolute, or an absolute path. Undefined when it is none. */
export function parseRequestUri(raw: string): GoUrl | undefined {
  return parse(raw, true);
}

/** Reads a URL reference as Go's `url.Parse`. Undefined when it is none. */
export function parseUrl(raw: string): GoUrl | undefined {
  const hash = raw.indexOf("#");
  if (hash < 0) return parse(raw, false);
  return areEscapesWellFormed(raw.slice(hash + 1)) ? parse(raw.slice(0, hash), false) : undefined;
}

function parse(raw: string, viaRequest: boolean): GoUrl | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what Go refuses.
  if (/[\x00-\x1f\x7f]/.test(raw) || (raw === "" && viaRequest)) return undefined;
  if (raw === "*") return { scheme: "", port: "" };
  if (raw.startsWith(":")) return undefined;
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(raw)?.[1] ?? "";
  const afterScheme = scheme === "" ? raw : raw.slice(scheme.length + 1);
  const question = afterScheme.indexOf("?");
  const rest = question < 0 ? afterScheme : afterScheme.slice(0, question);
  const lower = scheme.toLowerCase();
  if (!rest.startsWith("/")) {
    if (lower !== "") return { scheme: lower, port: "" };
    if (viaRequest || (rest.split("/")[0] ?? "").includes(":")) return undefined;
  }
  if ((lower !== "" || (!viaRequest && !rest.startsWith("///"))) && rest.startsWith("//")) {
    const slash = rest.indexOf("/", 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    const path = slash < 0 ? "" : rest.slice(slash);
    const host = parseAuthority(authority, lower);
    if (host === undefined || !areEscapesWellFormed(path)) return undefined;
    return { scheme: lower, port: portOf(host) };
  }
  return areEscapesWellFormed(rest) ? { scheme: lower, port: "" } : undefined;
}

function parseAuthority(authority: string, scheme: string): string | undefined {
  const at = authority.lastIndexOf("@");
  if (at >= 0) {
    const user = authority.slice(0, at);
    if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) || !areEscapesWellFormed(user)) return undefined;
  }
  const host = authority.slice(at + 1);
  return isHost(host, scheme) ? host : undefined;
}

function isHost(host: string, scheme: string): boolean {
  const bracket = host.lastIndexOf("[");
  if (bracket > 0) return false;
  if (bracket === 0) {
    const close = host.lastIndexOf("]");
    if (close < 0 || !/^(?::\d*)?$/.test(host.slice(close + 1))) return false;
    const address = host.slice(1, close).replace("%25", "%");
    return isIpAddress(address) && !isIpv4(address);
  }
  const first = host.indexOf(":");
  if (first >= 0) {
    const last = scheme === "http" || scheme === "https" ? first : host.lastIndexOf(":");
    if (!/^:\d*$/.test(host.slice(last))) return false;
  }
  return isHostText(host);
}

/** The characters that a host may hold unescaped; a percent escape may stand for non-ASCII bytes only. */
function isHostText(host: string): boolean {
  const withoutEscapes = host.replaceAll(/%(?:25|[89A-Fa-f][0-9A-Fa-f])/g, "");
  return /^(?:[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"]|[\u0080-\uffff])*$/.test(withoutEscapes);
}

function portOf(host: string): string {
  return /:(\d*)$/.exec(host)?.[1] ?? "";
}

function areEscapesWellFormed(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}

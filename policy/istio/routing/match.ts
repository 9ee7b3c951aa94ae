import type { Chain } from "./chains.ts";
import { isWithin } from "./host.ts";
import { matchesAll, type OutboundListener } from "./listeners.ts";
import { isInRange, parseRange } from "./range.ts";
import { UNSPECIFIED } from "./world.ts";

/** What a client sends first, as far as a proxy looks at it. */
export type FirstBytes =
  | { readonly type: "tcp" }
  | { readonly type: "http" }
  /** A TLS ClientHello, with or without a server name. */
  | { readonly type: "tls"; readonly sni?: string | undefined };

/** The listener that takes a redirected connection: one at its address, else one for the port at every address. */
export function matchListener(
  listeners: readonly OutboundListener[],
  address: string,
  port: number,
): OutboundListener | undefined {
  const redirected = listeners.filter((one) => !one.bindToPort && one.port === port);
  return (
    redirected.find(({ binds }) => binds.includes(address)) ??
    redirected.find(({ binds }) => binds.includes(UNSPECIFIED))
  );
}

/**
 * The chain that Envoy chooses: the narrowest range first, of those the closest server name, of those what was detected.
 * Envoy does not go back: where a narrow range has no chain for the server name, a wider one is not tried.
 */
export function matchChain(
  { chains }: OutboundListener,
  address: string,
  first: FirstBytes,
): Chain | undefined {
  const special = chains.filter((chain) => !matchesAll(chain));
  // A listener looks for what its chains ask for, and for nothing else.
  const readsNames = special.some(({ serverNames }) => serverNames.length > 0);
  const readsHttp = special.some(({ http }) => http);
  // Envoy keeps a server name in small letters (ConnectionSocketImpl::setRequestedServerName).
  const sni = readsNames && first.type === "tls" ? (first.sni ?? "").toLowerCase() : "";
  const byRange = closest(special, ({ ranges }) => rangeRank(ranges, address));
  const byName = closest(byRange, ({ serverNames }) => nameRank(serverNames, sni));
  const isHttp = readsHttp && first.type === "http";
  const byProtocol =
    byName.filter(({ http }) => http).length > 0 && isHttp
      ? byName.filter(({ http }) => http)
      : byName.filter(({ http }) => !http);
  return byProtocol[0] ?? chains.find(matchesAll);
}

/** The chains with the best rank; those that ask for nothing (0) only where none that asks is met. */
function closest(chains: readonly Chain[], rank: (chain: Chain) => number | undefined): Chain[] {
  const ranked = chains.map((chain) => ({ chain, rank: rank(chain) }));
  const best = Math.max(-1, ...ranked.map((one) => one.rank ?? -1));
  return ranked.filter((one) => one.rank === best).map(({ chain }) => chain);
}

function rangeRank(ranges: readonly string[], address: string): number | undefined {
  const read = ranges.flatMap((text) => parseRange(text) ?? []);
  if (read.length === 0) return 0;
  const bits = read.filter((range) => isInRange(address, range)).map((range) => range.bits);
  return bits.length === 0 ? undefined : Math.max(...bits);
}

function nameRank(serverNames: readonly string[], sni: string): number | undefined {
  if (serverNames.length === 0 || serverNames.includes("*")) return 0;
  if (sni === "") return undefined;
  const lengths = serverNames.flatMap((name) =>
    name === sni ? [Number.MAX_SAFE_INTEGER] : isWithin(sni, name) ? [name.length] : [],
  );
  return lengths.length === 0 ? undefined : Math.max(...lengths);
}

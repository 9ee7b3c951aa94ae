/**
 * What Envoy does with a redirected connection, given its listeners: written from Envoy's documentation of
 * `FilterChainMatch` ("the order of matching", config/listener/v3), over the configuration as istiod sends it.
 */
import ipaddr from "ipaddr.js";
import type { XdsChain, XdsListener } from "./xds.ts";

export interface Bytes {
  readonly type: "tcp" | "http" | "tls";
  readonly sni?: string;
}

/** The clusters with their weights, `http` for a chain that parses HTTP, `none` where the connection is closed. */
export type Sent = Readonly<Record<string, number>> | "http" | "none" | "refused";

export function follow(listeners: readonly XdsListener[], address: string, port: number, bytes: Bytes): Sent {
  const redirected = listeners.filter(({ binds }) => binds !== true);
  const at = (wanted: string) =>
    redirected.find((one) => one.port === port && one.addresses.includes(wanted));
  const listener = at(address) ?? at("0.0.0.0") ?? listeners.find(({ name }) => name === "virtualOutbound");
  if (listener === undefined) return "none";
  if (isRefused(listener)) return "refused";
  const found = chainOf(listener, address, port, bytes);
  if (found === undefined) return "none";
  return found.http === true ? "http" : (found.clusters ?? "none");
}

/** Envoy refuses a listener with two chains that ask for the same ("multiple filter chains with the same matching rules"). */
export function isRefused({ chains }: XdsListener): boolean {
  const asked = chains.flatMap((chain) => {
    const each = (values: readonly string[] | undefined) => (values?.length ? [...new Set(values)] : [""]);
    return each(chain.ranges).flatMap((range) =>
      each(chain.serverNames).flatMap((name) =>
        each(chain.applications).map((application) =>
          [range, name, application, chain.transport ?? "", chain.port ?? 0].join(" "),
        ),
      ),
    );
  });
  return new Set(asked).size < asked.length;
}

function chainOf(listener: XdsListener, address: string, port: number, bytes: Bytes): XdsChain | undefined {
  const inspects = (name: string) => (listener.filters ?? []).some((filter) => filter.includes(name));
  const isTls = bytes.type === "tls" && inspects("tls_inspector");
  const transport = isTls ? "tls" : "raw_buffer";
  const application = bytes.type === "http" && inspects("http_inspector") ? "http/1.1" : undefined;
  let chains = listener.chains;
  chains = narrow(chains, (chain) => (chain.port === undefined ? 0 : chain.port === port ? 1 : -1));
  chains = narrow(chains, (chain) => prefix(chain.ranges ?? [], address));
  chains = narrow(chains, (chain) => serverName(chain.serverNames ?? [], isTls ? (bytes.sni ?? "") : ""));
  chains = narrow(chains, (chain) => (!chain.transport ? 0 : chain.transport === transport ? 1 : -1));
  chains = narrow(chains, (chain) => {
    const wanted = chain.applications ?? [];
    if (wanted.length === 0) return 0;
    return application !== undefined && wanted.includes(application) ? 1 : -1;
  });
  if (chains.length > 1) throw new Error("several chains match, though no two ask for the same");
  return chains[0] ?? listener.default;
}

/** Keeps the chains that match best; -1 is no match, 0 a chain that does not ask. */
function narrow(chains: readonly XdsChain[], score: (chain: XdsChain) => number): readonly XdsChain[] {
  const scores = chains.map(score);
  const best = Math.max(-1, ...scores);
  return best < 0 ? [] : chains.filter((_, index) => scores[index] === best);
}

function prefix(ranges: readonly string[], address: string): number {
  if (ranges.length === 0) return 0;
  const ip = ipaddr.IPv4.parse(address);
  const lengths = ranges.map((range) => {
    const [base, bits] = ipaddr.IPv4.parseCIDR(range);
    return ip.match(base, bits) ? bits : -1;
  });
  return Math.max(...lengths);
}

/** `*.example.com` matches every name below example.com; the exact name wins, then the longest suffix. */
function serverName(names: readonly string[], sni: string): number {
  if (names.length === 0) return 0;
  const scores = names.map((name) => {
    if (name === sni && sni !== "") return 10_000;
    return name.startsWith("*") && sni !== "" && sni.endsWith(name.slice(1)) ? name.length : -1;
  });
  return Math.max(...scores);
}

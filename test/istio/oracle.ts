import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";

/** A pod's sidecar, or a gateway's Envoy (`router`), whose configuration istiod makes. */
export interface OracleProxy {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly type?: "sidecar" | "router";
}

/** One connection at one proxy. */
export interface OracleCall {
  readonly name: string;
  readonly proxy: string;
  readonly mode: "outbound" | "inbound" | "gateway";
  readonly address: string;
  readonly port: number;
  readonly tls?: "plaintext" | "tls" | "mtls";
  readonly sni?: string;
  readonly sourceIP?: string;
  /** Without `spiffe://`. */
  readonly principal?: string;
}

export interface OracleResult {
  readonly name: string;
  readonly error?: string;
  readonly listener?: string;
  readonly cluster?: string;
  readonly rbac?: readonly { readonly action: string; readonly policy?: string; readonly allowed: boolean }[];
  readonly allowed: boolean;
  readonly endpoints?: readonly string[];
}

export interface OracleAnswer {
  /** By the call's name. */
  readonly results: ReadonlyMap<string, OracleResult>;
  /** Envoy listeners of each proxy, as istiod sends them. */
  readonly listeners: ReadonlyMap<string, readonly EnvoyListener[]>;
  /** Envoy clusters of each proxy, as istiod sends them. */
  readonly clusters: ReadonlyMap<string, readonly EnvoyCluster[]>;
  /** The endpoints of those clusters, with the metadata that transport sockets are chosen by. */
  readonly endpoints: ReadonlyMap<string, readonly EnvoyEndpoints[]>;
}

export interface EnvoyEndpoints {
  readonly clusterName: string;
  readonly endpoints?: readonly {
    readonly lbEndpoints?: readonly {
      readonly metadata?: {
        readonly filterMetadata?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
      };
    }[];
  }[];
}

export interface EnvoyCluster {
  readonly name: string;
  readonly transportSocket?: unknown;
  readonly transportSocketMatches?: readonly { readonly name: string }[];
  readonly circuitBreakers?: unknown;
}

interface Dump {
  readonly listeners?: readonly EnvoyListener[];
  readonly clusters?: readonly EnvoyCluster[];
  readonly endpoints?: readonly EnvoyEndpoints[];
}

type RawAnswer = Record<string, Dump> & { readonly results: readonly OracleResult[] | null };

export interface EnvoyListener {
  readonly name: string;
  readonly listenerFilters?: readonly { readonly name: string }[];
}

/** Asks Istio's own istiod, in process, what it makes of these objects and where the connections go. */
export async function askOracle(
  objects: readonly unknown[],
  proxies: readonly OracleProxy[],
  calls: readonly OracleCall[],
): Promise<OracleAnswer> {
  const { path } = await part("oracle");
  const dir = mkdtempSync(join(tmpdir(), "portreeve-oracle-"));
  try {
    const files = { objects: join(dir, "objects.yaml"), query: join(dir, "query.json") };
    writeFileSync(files.objects, objects.map((object) => stringify(object)).join("---\n"));
    const meshConfig = "trustDomain: prod.example.com\n";
    writeFileSync(
      files.query,
      JSON.stringify({ meshConfig, proxies, calls, dump: ["listeners", "clusters", "endpoints"] }),
    );
    const out: unknown = JSON.parse(await run(path, ["-f", files.objects, "-q", files.query]));
    return readAnswer(out as RawAnswer);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function readAnswer({ results, ...byProxy }: RawAnswer): OracleAnswer {
  const dumps = Object.entries(byProxy);
  return {
    results: new Map((results ?? []).map((result) => [result.name, result])),
    listeners: new Map(dumps.map(([name, { listeners = [] }]) => [name, listeners])),
    clusters: new Map(dumps.map(([name, { clusters = [] }]) => [name, clusters])),
    endpoints: new Map(dumps.map(([name, { endpoints = [] }]) => [name, endpoints])),
  };
}

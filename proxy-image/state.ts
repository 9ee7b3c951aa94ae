import { X509Certificate } from "node:crypto";
import type {
  ProxyAgent,
  ProxyConfig,
  ProxyListener,
  ProxyService,
  ProxyServicePort,
} from "../policy/compile/proxy/config.ts";
import { CredentialWaits } from "./accept/credential-waits.ts";
import type { AuditLog } from "./audit/audit-log.ts";
import { Judge } from "./authorize.ts";
import { LoginTokens } from "./broker/login-tokens.ts";
import { EndpointPool } from "./connect/endpoints.ts";
import type { Places } from "./connect/place.ts";
import { PlaceBook } from "./connect/place-book.ts";
import { Resolver } from "./connect/resolve.ts";
import { UpstreamTls, type UpstreamTlsFiles } from "./connect/upstream-tls.ts";
import type { Connection } from "./connection.ts";
import { AwsVerifier } from "./credentials/aws.ts";
import { KeyRing } from "./credentials/key-ring.ts";
import type { ReplayMemory } from "./credentials/replay.ts";
import { Revocations } from "./credentials/revocations.ts";
import { CredentialVerifier } from "./credentials/verifier.ts";
import { Identifier, readSvid } from "./identify.ts";
import { readLeaf } from "./identity/certificate.ts";
import { TrustStore } from "./identity/trust-store.ts";
import type { Loaded } from "./life/load.ts";
import type { ProxyMetrics } from "./metrics/proxy-metrics.ts";
import { Deadlines } from "./runtime/deadlines.ts";
import { connectionsWithin, descriptorLimit } from "./runtime/descriptors.ts";

/** A service as this process serves it: its configuration of the moment, and what outlives a reload. */
export class ServiceState {
  config: ProxyService;
  tls: UpstreamTls;
  readonly endpoints: EndpointPool;
  #ports: ReadonlyMap<number, ProxyServicePort>;

  constructor(config: ProxyService, tls: UpstreamTls) {
    this.#ports = portsOf(config);
    this.config = config;
    this.tls = tls;
    this.endpoints = new EndpointPool(config);
  }

  update(config: ProxyService, tls: UpstreamTls): void {
    this.config = config;
    this.tls = tls;
    this.#ports = portsOf(config);
    this.endpoints.update(config);
  }

  port(port: number): ProxyServicePort | undefined {
    return this.#ports.get(port);
  }
}

function spiffeIdOf(pem: string): string | undefined {
  try {
    const found = readSvid(readLeaf(new X509Certificate(pem).raw));
    return typeof found === "string" ? undefined : found.id;
  } catch {
    // A certificate of another issuer may be none that SPIFFE knows; it is shown all the same.
    return undefined;
  }
}

function portsOf({ ports }: ProxyService): ReadonlyMap<number, ProxyServicePort> {
  return new Map(ports.map((served) => [served.port, served]));
}

/** Everything that is true until the next reload; replaced whole. */
export interface Generation {
  readonly config: ProxyConfig;
  readonly loaded: Loaded;
  readonly trust: TrustStore;
  readonly identifier: Identifier;
  readonly judge: Judge;
  /** When the own certificate ends, epoch milliseconds; undefined without one. */
  readonly certificateExpires: number | undefined;
  /** The proxy's own SPIFFE ID; undefined without a certificate, or with one that names none. */
  readonly spiffeId: string | undefined;
  /** Agents that identify themselves by a certificate of their own, by SPIFFE ID. */
  readonly agentByWorkload: ReadonlyMap<string, string>;
  /** By name. */
  readonly listeners: ReadonlyMap<string, ProxyListener>;
  /** By name. */
  readonly agents: ReadonlyMap<string, ProxyAgent>;
  readonly credentials: CredentialVerifier;
}

/** One of several processes of one proxy. */
export interface Worker {
  readonly index: number;
  /** How many there are. */
  readonly count: number;
  readonly places: Places;
  /** Signed requests that any of them has let somebody in on. */
  readonly replay: ReplayMemory;
}

/**
 * A process's part of a bound on all. Parts that are fixed, because the bound is looked at before anything is known of a
 * client, when nobody can be asked: together they are the bound, and never more.
 */
function shareOf(bound: number, worker: Worker | undefined): number {
  if (!worker) return bound;
  const { index, count } = worker;
  return Math.floor(bound / count) + (index < bound % count ? 1 : 0);
}

/** What one proxy process knows. Stages read it; only `apply` and the connections' own counters change it. */
export class ProxyState {
  generation: Generation;
  readonly services = new Map<string, ServiceState>();
  readonly live = new Set<Connection>();
  readonly deadlines = new Deadlines(100, () => performance.now());
  readonly places: Places;
  readonly resolver = new Resolver();
  readonly loginTokens: LoginTokens;
  readonly audit: AuditLog;
  readonly metrics: ProxyMetrics;
  /** Keys of identity providers. */
  readonly keys = new KeyRing();
  readonly revocations = new Revocations();
  readonly #aws: AwsVerifier;
  /** Connections that have not yet proved who they are, without those that wait for an identity provider. */
  handshakes = 0;
  readonly credentialWaits = new CredentialWaits(() =>
    shareOf(this.generation.config.limits.maxCredentialWaits, this.#worker),
  );
  readonly #worker: Worker | undefined;
  draining = false;
  /** What the limit on file descriptors allows; beyond it a dial would fail, and whoever had been let in with it. */
  readonly #connectionsWithinLimit = connectionsWithin(descriptorLimit() ?? Number.POSITIVE_INFINITY);
  #serial = 0;
  readonly #idPrefix = crypto
    .getRandomValues(new Uint32Array(2))
    .reduce((text, part) => text + part.toString(36), "");

  /** @param worker when this is one of several processes of one proxy */
  constructor(loaded: Loaded, audit: AuditLog, metrics: ProxyMetrics, worker?: Worker) {
    this.#worker = worker;
    this.#aws = new AwsVerifier(undefined, worker?.replay);
    this.places = worker?.places ?? new PlaceBook(() => this.deadlines.now);
    this.audit = audit;
    this.metrics = metrics;
    this.loginTokens = new LoginTokens((service, result) => metrics.loginToken(service, result));
    this.generation = this.#build(loaded);
    this.#applyServices();
  }

  /** Live connections allowed: as configured, or what the limit on file descriptors allows if that is less. */
  get maxConnections(): number {
    const { maxConnections } = this.generation.config.limits;
    return Math.min(shareOf(maxConnections, this.#worker), this.#connectionsWithinLimit);
  }

  /** Connections allowed that have not yet proved who they are. */
  get maxHandshakes(): number {
    return shareOf(this.generation.config.limits.maxHandshakes, this.#worker);
  }

  nextSerial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  /** A connection's id: unique among processes and over restarts. */
  idOf(serial: number): string {
    return `${this.#idPrefix}-${serial.toString(36)}`;
  }

  /**
   * Takes a new configuration with its files. Throws, and changes nothing, when they do not make a working whole.
   * Live connections are judged again by the caller.
   */
  apply(loaded: Loaded): void {
    this.generation = this.#build(loaded);
    this.#applyServices();
    this.generation.credentials.warm();
  }

  /**
   * Takes a configuration back that was in force.
   *
   * @param services as they were under it: those that the other one had dropped still have their connections
   */
  restore(loaded: Loaded, services: ReadonlyMap<string, ServiceState>): void {
    for (const [name, service] of services) this.services.set(name, service);
    this.apply(loaded);
  }

  #build(loaded: Loaded): Generation {
    const { trustDomain, aliases } = loaded.config.trust;
    const trust = new TrustStore(trustDomain, aliases, loaded.bundles);
    return {
      config: loaded.config,
      loaded,
      trust,
      identifier: new Identifier(trust),
      judge: new Judge(loaded.config),
      certificateExpires:
        loaded.certificate && Date.parse(new X509Certificate(loaded.certificate.cert).validTo),
      spiffeId: loaded.certificate && spiffeIdOf(loaded.certificate.cert),
      listeners: new Map(loaded.config.listeners.map((listener) => [listener.name, listener])),
      agents: new Map(loaded.config.agents.map((agent) => [agent.name, agent])),
      credentials: new CredentialVerifier(loaded.config, loaded.identityFiles, this.keys, this.#aws),
      agentByWorkload: new Map(
        loaded.config.agents.flatMap(({ name, workloads }) => workloads.map((id) => [id, name])),
      ),
    };
  }

  #applyServices(): void {
    const { config, loaded, trust, identifier } = this.generation;
    const names = new Set(config.services.map(({ name }) => name));
    for (const name of this.services.keys()) if (!names.has(name)) this.services.delete(name);
    for (const service of config.services) {
      const files = upstreamFiles(service, loaded);
      const tls = new UpstreamTls(service.tls, files, trust.allPem, identifier);
      const known = this.services.get(service.name);
      this.places.setLimits(service.name, service.limits);
      if (known) known.update(service, tls);
      else this.services.set(service.name, new ServiceState(service, tls));
    }
  }
}

function upstreamFiles({ name, tls }: ProxyService, loaded: Loaded): UpstreamTlsFiles {
  const files = loaded.upstreamTls.get(name) ?? { ca: undefined, cert: undefined, key: undefined };
  if (tls.mode !== "mutual" || tls.certificate || !loaded.certificate) return files;
  return { ...files, ...loaded.certificate };
}

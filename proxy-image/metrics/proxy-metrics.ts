import type { Verdict } from "../../policy/decide/index.ts";
import type { TokenResult } from "../broker/login-tokens.ts";
import { responseFlags } from "../close-reason.ts";
import type { Connection } from "../connection.ts";
import type { CredentialRefusal } from "../credentials/credential.ts";
import { rustls } from "../runtime/rustls/library.ts";
import type { ProxyState } from "../state.ts";
import { PairCache } from "./pair-cache.ts";
import { formatLabels, SeriesRegistry, type SeriesSnapshot } from "./series.ts";

/** What the proxy counts: Istio's TCP metrics under their own names and labels, and its own under `portreeve_`. */
export class ProxyMetrics {
  readonly #registry: SeriesRegistry;
  readonly #opened;
  readonly #closed;
  readonly #sent;
  readonly #received;
  readonly #verdicts;
  readonly #endings;
  readonly #handshakes;
  readonly #reloads;
  readonly #refused;
  readonly #certificates;
  readonly #credentials;
  readonly #keyFetches;
  readonly #loginTokens;
  /** Labels are put together once for each combination, not for each connection. */
  readonly #labels = new Map<string, string>();
  readonly #verdictLabels = new PairCache();
  readonly #handshakeLabels = new PairCache();
  readonly #endingLabels = new PairCache();

  constructor(maxSeries: number) {
    this.#registry = new SeriesRegistry(maxSeries);
    const counter = (name: string, help: string) => this.#registry.counter(name, help);
    this.#opened = counter("istio_tcp_connections_opened_total", "TCP connections opened.");
    this.#closed = counter("istio_tcp_connections_closed_total", "TCP connections closed.");
    this.#sent = counter("istio_tcp_sent_bytes_total", "Bytes sent to clients.");
    this.#received = counter("istio_tcp_received_bytes_total", "Bytes received from clients.");
    this.#verdicts = counter("portreeve_verdicts_total", "Verdicts by rule and reason.");
    this.#endings = counter("portreeve_connections_total", "Connections ended, by reason.");
    this.#handshakes = counter(
      "portreeve_handshakes_total",
      "TLS handshakes: full, resumed, or why there is no identity.",
    );
    this.#refused = counter(
      "portreeve_refused_at_accept_total",
      "Connections refused before anything was read.",
    );
    this.#certificates = counter(
      "portreeve_certificate_requests_total",
      "Certificates asked of istiod, by result.",
    );
    this.#credentials = counter(
      "portreeve_credentials_total",
      "Credentials shown on the shared port, by identity provider and result.",
    );
    this.#keyFetches = counter(
      "portreeve_jwks_fetches_total",
      "Fetches of an identity provider's keys, by result.",
    );
    this.#loginTokens = counter(
      "portreeve_login_tokens_total",
      "Tokens made for the proxy's own logins to services, by result.",
    );
    this.#reloads = counter("portreeve_reloads_total", "Reloads of the configuration, by result.");
  }

  opened(connection: Connection): void {
    this.#opened(this.#labelsOf(connection, "-"), 1);
  }

  verdict(verdict: Verdict): void {
    const { rule, reason } = verdict;
    const labels = this.#verdictLabels.of(reason, rule ?? "", () =>
      formatLabels({ verdict: verdict.verdict, rule: rule ?? "", reason }),
    );
    this.#verdicts(labels, 1);
  }

  /** A client has proved who it is, or that it is nobody where that is allowed. */
  handshake(listener: string, resumed: boolean): void {
    this.#handshakeEnded(listener, resumed ? "resumed" : "full");
  }

  closed(connection: Connection): void {
    const { closeReason: reason = "", listener } = connection;
    if (reason === "handshake-failed" || reason === "handshake-timeout") {
      const result = reason === "handshake-timeout" ? "timeout" : handshakeFailure(connection.error);
      this.#handshakeEnded(listener.name, result);
    }
    const ending = this.#endingLabels.of(listener.name, reason, () =>
      formatLabels({ listener: listener.name, reason }),
    );
    this.#endings(ending, 1);
    if (!connection.service) return;
    this.bytes(connection);
    const flags = connection.closeReason ? responseFlags(connection.closeReason) : "-";
    this.#closed(this.#labelsOf(connection, flags), 1);
  }

  /** Counts what a connection has moved since it was last asked. */
  bytes(connection: Connection): void {
    const labels = this.#labelsOf(connection, "-");
    const sent = connection.toClient.bytes - connection.reportedSent;
    const received = connection.toService.bytes - connection.reportedReceived;
    if (sent > 0) this.#sent(labels, sent);
    if (received > 0) this.#received(labels, received);
    connection.reportedSent += sent;
    connection.reportedReceived += received;
  }

  refusedAtAccept(listener: string, reason: string): void {
    this.#refused(formatLabels({ listener, reason }), 1);
  }

  reloaded(result: "applied" | "refused" | "unchanged"): void {
    this.#reloads(formatLabels({ result }), 1);
  }

  /** @param result `ok`, or why it was refused */
  credential(provider: string, result: "ok" | CredentialRefusal): void {
    this.#credentials(formatLabels({ provider, result }), 1);
  }

  loginToken(service: string, result: TokenResult): void {
    this.#loginTokens(formatLabels({ service, result }), 1);
  }

  keysFetched(provider: string, result: "ok" | "failed"): void {
    this.#keyFetches(formatLabels({ provider, result }), 1);
  }

  certificateAsked(result: "ok" | "failed"): void {
    this.#certificates(formatLabels({ result }), 1);
  }

  /**
   * Everything, with what live connections have moved so far.
   *
   * @param worker index among the processes of one proxy: what would be nonsense as a sum is labelled with it
   */
  snapshot(state: ProxyState, lag: number, worker: number): SeriesSnapshot {
    for (const connection of state.live) if (connection.service) this.bytes(connection);
    this.#registry.forgetGauges();
    const gauge = (name: string, help: string, value: number, labels = "") =>
      this.#registry.gauge(name, help)(labels, value);
    gauge("portreeve_connections_live", "Live connections.", state.live.size);
    gauge(
      "portreeve_handshakes_pending",
      "Connections that have not yet proved who they are.",
      state.handshakes,
    );
    gauge(
      "portreeve_credential_waits",
      "Clients that wait until an identity provider answers.",
      state.credentialWaits.size,
    );
    const expires = state.generation.certificateExpires;
    if (expires !== undefined) {
      gauge(
        "portreeve_certificate_expiry_seconds",
        "When the proxy's own certificate ends, as Unix time.",
        Math.floor(expires / 1_000),
        formatLabels({ worker: String(worker) }),
      );
    }
    gauge(
      "portreeve_deadlines",
      "Moments that are waited for; with no connection there is none.",
      state.deadlines.waiting,
    );
    for (const { provider, keys, fetchedAt } of state.generation.credentials.keyStates) {
      const labels = formatLabels({ provider, worker: String(worker) });
      gauge("portreeve_jwks_keys", "Usable keys of an identity provider.", keys, labels);
      gauge(
        "portreeve_jwks_fetched_timestamp_seconds",
        "When they were fetched last, as Unix time; 0 for never, or from a file.",
        Math.floor(fetchedAt / 1_000),
        labels,
      );
    }
    gauge(
      "portreeve_revocations",
      "Agents, users and roles shut out by an operator.",
      state.revocations.size,
    );
    for (const name of state.services.keys()) {
      const labels = formatLabels({ service: name });
      const tokenEnds = state.loginTokens.expires(name);
      if (tokenEnds !== undefined) {
        gauge(
          "portreeve_login_token_expiry_seconds",
          "When the token that was made last for a service ends, as Unix time.",
          Math.floor(tokenEnds / 1_000),
          formatLabels({ service: name, worker: String(worker) }),
        );
      }
      gauge(
        "portreeve_queue_waiting",
        "Connections waiting for a place.",
        state.places.waiting(name),
        labels,
      );
    }
    const { audit } = state;
    const total = (name: string, help: string, value: number) => this.#registry.total(name, help, value);
    total("portreeve_audit_written_total", "Records written.", audit.written);
    total("portreeve_audit_lost_total", "Records lost.", audit.lost);
    total("portreeve_audit_checkpoints_total", "Checkpoints signed.", audit.chain?.checkpoints ?? 0);
    total(
      "portreeve_audit_checkpoint_failures_total",
      "Checkpoints that could not be signed.",
      audit.chain?.failures ?? 0,
    );
    gauge(
      "portreeve_audit_chain_broken",
      "Processes that found records changed when they started.",
      audit.chain?.followsBroken ? 1 : 0,
    );
    gauge(
      "portreeve_audit_failing",
      "Processes whose records are not being written at the moment.",
      audit.healthy ? 0 : 1,
    );
    gauge(
      "portreeve_connections_max",
      "Live connections allowed: as configured, or what the file descriptor limit allows.",
      state.maxConnections,
    );
    if (rustls) {
      const help = "TLS sessions that the rustls library holds.";
      gauge("portreeve_tls_sessions", help, rustls.portreeve_tls_live_sessions());
      const configurations = rustls.portreeve_tls_live_configs();
      gauge("portreeve_tls_configurations", "Ports' TLS that the rustls library holds.", configurations);
    }
    gauge("portreeve_event_loop_lag_seconds", "How late the last tick was.", lag / 1_000);
    gauge("portreeve_memory_bytes", "Resident memory.", process.memoryUsage.rss());
    return this.#registry.snapshot();
  }

  #handshakeEnded(listener: string, result: string): void {
    const labels = this.#handshakeLabels.of(listener, result, () => formatLabels({ listener, result }));
    this.#handshakes(labels, 1);
  }

  #labelsOf(connection: Connection, flags: string): string {
    if (flags !== "-") return this.#labelsWith(connection, flags);
    connection.labels ??= this.#labelsWith(connection, flags);
    return connection.labels;
  }

  #labelsWith(connection: Connection, flags: string): string {
    const service = connection.service;
    const principal = connection.principal.workload ?? "";
    const key = `${service?.config.name}\n${connection.servicePort}\n${principal}\n${flags}\n${connection.listener.mode}`;
    return this.#cached(key, () => formatLabels(istioLabels(connection, flags)));
  }

  #cached(key: string, make: () => string): string {
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    if (this.#labels.size > 10_000) this.#labels.clear();
    const labels = make();
    this.#labels.set(key, labels);
    return labels;
  }
}

/** A code as it is; a text is the TLS library's own words, of which there may be any number. */
function handshakeFailure(error: string | undefined): string {
  return error !== undefined && /^[A-Za-z0-9_-]{1,64}$/.test(error) ? error : "other";
}

/** The labels by which Kiali draws an edge and its padlock; see Istio's standard metrics. */
function istioLabels(connection: Connection, flags: string): Record<string, string> {
  const { config, spiffeId } = connection.state.generation;
  const spiffe = connection.transport?.workload?.spiffe;
  const service = connection.service?.config;
  const host = service?.mesh.host ?? service?.endpoints[0]?.host ?? "unknown";
  const mutual = spiffe !== undefined;
  return {
    reporter: "destination",
    source_workload: spiffe?.serviceAccount ?? "unknown",
    source_workload_namespace: spiffe?.namespace ?? "unknown",
    source_principal: spiffe?.id ?? "unknown",
    source_app: spiffe?.serviceAccount ?? "unknown",
    source_version: "unknown",
    source_cluster: "unknown",
    source_canonical_service: spiffe?.serviceAccount ?? "unknown",
    source_canonical_revision: "latest",
    destination_workload: config.proxy.name,
    destination_workload_namespace: config.proxy.namespace,
    destination_principal: (mutual ? spiffeId : undefined) ?? "unknown",
    destination_app: config.proxy.name,
    destination_version: "unknown",
    destination_cluster: config.proxy.cluster,
    destination_service: host,
    destination_service_name: service?.name ?? "unknown",
    destination_service_namespace: service?.mesh.namespace ?? "unknown",
    destination_canonical_service: config.proxy.name,
    destination_canonical_revision: "latest",
    request_protocol: "tcp",
    connection_security_policy: mutual ? "mutual_tls" : "none",
    response_flags: flags,
  };
}

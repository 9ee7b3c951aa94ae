/** A Prometheus alerting rule. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: "warning" | "critical" };
  readonly annotations: { readonly summary: string; readonly description: string };
}

export interface AlertOptions {
  /** A certificate that ends sooner warns; half of it is critical. Prometheus duration in seconds. @default 7200 */
  readonly certificateSeconds?: number;
  /** So many times the usual rate of denials, and at least one in ten seconds, is a spike. @default 5 */
  readonly denialFactor?: number;
  /** Share of live connections, of those allowed, that warns. @default 0.8 */
  readonly saturation?: number;
}

/**
 * A counter whose first value is already an event: `increase` does not see a series that begins with 1, as one does whose
 * labels appear with the first refusal.
 */
function happened(selector: string, window: string): string {
  return `increase(${selector}[${window}]) > 0 or (${selector} > 0 unless ${selector} offset ${window})`;
}

/** What should wake or warn somebody, in the order in which it hurts. */
export function alertRules(options: AlertOptions = {}): readonly AlertRule[] {
  const { certificateSeconds = 7_200, denialFactor = 5, saturation = 0.8 } = options;
  const left = "min by (namespace, pod) (portreeve_certificate_expiry_seconds) - time()";
  const denied = (window: string): string => `sum(rate(portreeve_verdicts_total{verdict="deny"}[${window}]))`;
  return [
    {
      alert: "PortreeveRecordsNotWritten",
      expr: "portreeve_audit_failing > 0",
      for: "1m",
      labels: { severity: "critical" },
      annotations: {
        summary: "Records cannot be written",
        description:
          "A proxy cannot write its records: the disk is full, or the collector is down. Services with `audit: required` refuse new connections. See its log for `records cannot be written`.",
      },
    },
    {
      alert: "PortreeveRecordsLost",
      expr: happened("portreeve_audit_lost_total", "10m"),
      labels: { severity: "critical" },
      annotations: {
        summary: "Records were lost",
        description:
          "Records could not be held until a sink took them. The chain says how many: `portreeve audit verify` shows the gap.",
      },
    },
    {
      alert: "PortreeveChainBroken",
      expr: "portreeve_audit_chain_broken > 0",
      labels: { severity: "critical" },
      annotations: {
        summary: "Records are not as they were written",
        description:
          "When it started, a proxy found that lines at the end of its records were changed, moved or taken out. `portreeve audit verify` names them. Keep the files, and compare them with what a collector has.",
      },
    },
    {
      alert: "PortreeveCheckpointsFail",
      expr: happened("portreeve_audit_checkpoint_failures_total", "15m"),
      labels: { severity: "warning" },
      annotations: {
        summary: "Checkpoints of the audit chain cannot be signed",
        description:
          "Records go on, but nobody can later prove that they were not written anew since the last signed checkpoint. Look at the signing key or key service.",
      },
    },
    {
      alert: "PortreeveCertificateEndsSoon",
      expr: `${left} < ${certificateSeconds} and ${left} >= ${certificateSeconds / 2}`,
      for: "5m",
      labels: { severity: "warning" },
      annotations: {
        summary: "The proxy's certificate ends soon",
        description:
          'It should have been renewed by now. Look at portreeve_certificate_requests_total{result="failed"}, at istiod, or at whoever writes the files.',
      },
    },
    {
      alert: "PortreeveCertificateEnds",
      expr: `${left} < ${certificateSeconds / 2}`,
      labels: { severity: "critical" },
      annotations: {
        summary: "The proxy's certificate is about to end",
        description: "From then on every client refuses the proxy. Renew it by hand if istiod does not.",
      },
    },
    {
      alert: "PortreeveReloadRefused",
      expr: happened('portreeve_reloads_total{result="refused"}', "10m"),
      labels: { severity: "warning" },
      annotations: {
        summary: "A changed configuration was refused",
        description:
          "The configuration before stays in force, so a grant that was withdrawn may still work. The proxy's log and `GET /policy` of its admin interface say why.",
      },
    },
    {
      alert: "PortreeveDenialSpike",
      expr: `${denied("5m")} > 0.1 and ${denied("5m")} > ${denialFactor} * (${denied("1d")} or vector(0))`,
      for: "5m",
      labels: { severity: "warning" },
      annotations: {
        summary: "Far more connections are denied than usual",
        description:
          "A policy took away what somebody needs, or somebody tries doors. `portreeve audit query --verdict deny --since 30m` says who and where.",
      },
    },
    {
      alert: "PortreeveSaturated",
      expr: `portreeve_connections_live / portreeve_connections_max > ${saturation}`,
      for: "5m",
      labels: { severity: "warning" },
      annotations: {
        summary: "The proxy is near its bound of connections",
        description:
          "At the bound new connections are refused. Add replicas, or raise limits.maxConnections.",
      },
    },
    {
      alert: "PortreeveQueueing",
      expr: "sum by (namespace, pod, service) (portreeve_queue_waiting) > 0",
      for: "5m",
      labels: { severity: "warning" },
      annotations: {
        summary: "Connections wait for a place at a service",
        description:
          "The service's limits.maxConnections is reached all the time: clients see slow connects.",
      },
    },
    {
      alert: "PortreeveBusy",
      expr: "portreeve_event_loop_lag_seconds > 0.25",
      for: "5m",
      labels: { severity: "warning" },
      annotations: {
        summary: "The proxy has no processor time left",
        description:
          "Its event loop runs late, and so does everything that it relays. Add replicas or workers.",
      },
    },
    {
      alert: "PortreeveWorkersRestart",
      expr: "increase(portreeve_worker_restarts_total[15m]) > 2",
      labels: { severity: "critical" },
      annotations: {
        summary: "Workers of the proxy die again and again",
        description:
          "Each time its connections are cut. The log has the exit code or signal; killed means out of memory.",
      },
    },
    {
      alert: "PortreeveKeysNotFetched",
      expr: 'increase(portreeve_jwks_fetches_total{result="failed"}[15m]) > 3 unless ignoring (result) increase(portreeve_jwks_fetches_total{result="ok"}[15m]) > 0',
      for: "5m",
      labels: { severity: "warning" },
      annotations: {
        summary: "Keys of an identity provider cannot be fetched",
        description: "Keys that are known still serve; a token signed with a new one is refused.",
      },
    },
    {
      alert: "PortreeveLoginTokensFail",
      expr: `(${happened('portreeve_login_tokens_total{result="failed"}', "10m")}) unless ignoring (result) (${happened('portreeve_login_tokens_total{result="issued"}', "10m")})`,
      for: "2m",
      labels: { severity: "critical" },
      annotations: {
        summary: "The proxy cannot log in to a service",
        description:
          "No token can be made for {{ $labels.service }}: the proxy's role, its Pod Identity association or the agent is missing. Tokens that it holds serve until their last minute, then connections are refused.",
      },
    },
  ];
}

/** As a file for Prometheus' `rule_files`, or the spec of a PrometheusRule. */
export function ruleGroups(options: AlertOptions = {}): { readonly groups: readonly object[] } {
  return { groups: [{ name: "portreeve", rules: alertRules(options) }] };
}

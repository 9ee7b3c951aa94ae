export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelInput {
  readonly title: string;
  readonly what: string;
  readonly type: "timeseries" | "stat" | "table";
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Of 24. */
  readonly width: number;
  readonly height: number;
  /** From this value on it is red. */
  readonly red?: number;
  /** Below this value it is red. */
  readonly redBelow?: number;
}

const SELECT = 'namespace=~"$namespace", pod=~"$pod"';
const one = (expr: string, legend: string): readonly Query[] => [{ expr, legend }];
const rate = (metric: string, by: string, labels = ""): string =>
  `sum by (${by}) (rate(${metric}{${SELECT}${labels}}[$__rate_interval]))`;

/** From left to right, from top to bottom. */
export const PANELS: readonly PanelInput[] = [
  {
    title: "Live connections",
    what: "Of all proxies selected.",
    type: "stat",
    unit: "short",
    width: 4,
    height: 4,
    queries: one(`sum(portreeve_connections_live{${SELECT}})`, "live"),
  },
  {
    title: "Allowed",
    what: "Verdicts a second.",
    type: "stat",
    unit: "cps",
    width: 4,
    height: 4,
    queries: one(
      `sum(rate(portreeve_verdicts_total{${SELECT}, verdict="allow"}[$__rate_interval]))`,
      "allowed",
    ),
  },
  {
    title: "Denied",
    what: "Verdicts a second.",
    type: "stat",
    unit: "cps",
    width: 4,
    height: 4,
    red: 1,
    queries: one(
      `sum(rate(portreeve_verdicts_total{${SELECT}, verdict="deny"}[$__rate_interval]))`,
      "denied",
    ),
  },
  {
    title: "Records lost",
    what: "In the time shown. The chain says where: portreeve audit verify.",
    type: "stat",
    unit: "short",
    width: 4,
    height: 4,
    red: 1,
    queries: one(`sum(increase(portreeve_audit_lost_total{${SELECT}}[$__range]))`, "lost"),
  },
  {
    title: "Certificate ends in",
    what: "Of the proxy whose certificate ends first.",
    type: "stat",
    unit: "s",
    width: 4,
    height: 4,
    redBelow: 7_200,
    queries: one(`min(portreeve_certificate_expiry_seconds{${SELECT}}) - time()`, "left"),
  },
  {
    title: "Reloads refused",
    what: "In the time shown. The configuration before stays in force.",
    type: "stat",
    unit: "short",
    width: 4,
    height: 4,
    red: 1,
    queries: one(`sum(increase(portreeve_reloads_total{${SELECT}, result="refused"}[$__range]))`, "refused"),
  },
  {
    title: "Connections opened",
    what: "By service.",
    type: "timeseries",
    unit: "cps",
    width: 12,
    height: 8,
    queries: one(
      rate("istio_tcp_connections_opened_total", "destination_service_name"),
      "{{destination_service_name}}",
    ),
  },
  {
    title: "Denied, by rule and reason",
    what: "A rule is a deny that matched; without one nothing allowed it.",
    type: "timeseries",
    unit: "cps",
    width: 12,
    height: 8,
    queries: one(
      `topk(10, ${rate("portreeve_verdicts_total", "rule, reason", ', verdict="deny"')})`,
      "{{reason}} {{rule}}",
    ),
  },
  {
    title: "Who connects",
    what: "By workload identity; people and agents are in the records only, not in metrics.",
    type: "timeseries",
    unit: "cps",
    width: 12,
    height: 8,
    queries: one(
      `topk(10, ${rate("istio_tcp_connections_opened_total", "source_principal, destination_service_name")})`,
      "{{source_principal}} → {{destination_service_name}}",
    ),
  },
  {
    title: "Why connections end",
    what: "Close reasons, as in the records.",
    type: "timeseries",
    unit: "cps",
    width: 12,
    height: 8,
    queries: [
      { expr: rate("portreeve_connections_total", "reason"), legend: "{{reason}}" },
      {
        expr: rate("istio_tcp_connections_closed_total", "response_flags", ', response_flags!="-"'),
        legend: "flag {{response_flags}}",
      },
    ],
  },
  {
    title: "Bytes",
    what: "Sent to and received from clients.",
    type: "timeseries",
    unit: "Bps",
    width: 12,
    height: 8,
    queries: [
      {
        expr: rate("istio_tcp_sent_bytes_total", "destination_service_name"),
        legend: "to clients, {{destination_service_name}}",
      },
      {
        expr: rate("istio_tcp_received_bytes_total", "destination_service_name"),
        legend: "from clients, {{destination_service_name}}",
      },
    ],
  },
  {
    title: "Waiting for a place",
    what: "Connections in a service's queue.",
    type: "timeseries",
    unit: "short",
    width: 12,
    height: 8,
    queries: one(`sum by (service) (portreeve_queue_waiting{${SELECT}}) > 0`, "{{service}}"),
  },
  {
    title: "Saturation",
    what: "Live connections of those allowed, and handshakes under way.",
    type: "timeseries",
    unit: "percentunit",
    width: 8,
    height: 8,
    red: 0.8,
    queries: one(`portreeve_connections_live{${SELECT}} / portreeve_connections_max{${SELECT}}`, "{{pod}}"),
  },
  {
    title: "Handshakes, refused at accept",
    what: "Connections that have not proved who they are, and those refused unread.",
    type: "timeseries",
    unit: "short",
    width: 8,
    height: 8,
    queries: [
      { expr: `sum by (pod) (portreeve_handshakes_pending{${SELECT}})`, legend: "pending, {{pod}}" },
      { expr: rate("portreeve_refused_at_accept_total", "reason"), legend: "refused a second, {{reason}}" },
    ],
  },
  {
    title: "Event loop and memory",
    what: "How late the last tick was, and resident memory.",
    type: "timeseries",
    unit: "s",
    width: 8,
    height: 8,
    queries: [
      { expr: `portreeve_event_loop_lag_seconds{${SELECT}}`, legend: "lag, {{pod}}" },
      { expr: `portreeve_memory_bytes{${SELECT}} / 1e9`, legend: "GB, {{pod}}" },
    ],
  },
  {
    title: "Records",
    what: "Written, lost, and checkpoints of the chain.",
    type: "timeseries",
    unit: "cps",
    width: 8,
    height: 8,
    queries: [
      { expr: rate("portreeve_audit_written_total", "pod"), legend: "written, {{pod}}" },
      { expr: rate("portreeve_audit_lost_total", "pod"), legend: "lost, {{pod}}" },
      { expr: rate("portreeve_audit_checkpoints_total", "pod"), legend: "checkpoints, {{pod}}" },
      { expr: `portreeve_audit_failing{${SELECT}}`, legend: "failing, {{pod}}" },
      { expr: rate("portreeve_audit_checkpoint_failures_total", "pod"), legend: "not signed, {{pod}}" },
    ],
  },
  {
    title: "Credentials",
    what: "Shown by people and agents, by result; and fetches of providers' keys.",
    type: "timeseries",
    unit: "cps",
    width: 8,
    height: 8,
    queries: [
      { expr: rate("portreeve_credentials_total", "provider, result"), legend: "{{provider}} {{result}}" },
      {
        expr: rate("portreeve_jwks_fetches_total", "provider, result"),
        legend: "keys of {{provider}} {{result}}",
      },
      { expr: `portreeve_revocations{${SELECT}}`, legend: "shut out, {{pod}}" },
    ],
  },
  {
    title: "Workers and certificates",
    what: "Processes, restarts, and certificates asked of istiod.",
    type: "timeseries",
    unit: "short",
    width: 8,
    height: 8,
    queries: [
      { expr: `portreeve_workers{${SELECT}}`, legend: "workers, {{pod}}" },
      {
        expr: `increase(portreeve_worker_restarts_total{${SELECT}}[$__rate_interval])`,
        legend: "restarts, {{pod}}",
      },
      {
        expr: `sum by (result) (increase(portreeve_certificate_requests_total{${SELECT}}[$__rate_interval]))`,
        legend: "certificates, {{result}}",
      },
    ],
  },
  {
    title: "Logins to databases",
    what: "Tokens made for the proxy's own logins, by service and result. The one made last ends in at most 15 minutes; below zero, nobody logged in since.",
    type: "timeseries",
    unit: "short",
    width: 12,
    height: 8,
    queries: [
      {
        expr: `sum by (service, result) (increase(portreeve_login_tokens_total{${SELECT}}[$__rate_interval]))`,
        legend: "{{service}} {{result}}",
      },
      {
        expr: `min by (service) (portreeve_login_token_expiry_seconds{${SELECT}} - time()) / 60`,
        legend: "{{service}} ends in, minutes",
      },
    ],
  },
  {
    title: "Logins refused",
    what: "By a database, or because no token could be made.",
    type: "timeseries",
    unit: "cps",
    width: 12,
    height: 8,
    queries: one(
      rate(
        "portreeve_connections_total",
        "listener, reason",
        ', reason=~"login-refused|credential-unavailable"',
      ),
      "{{listener}} {{reason}}",
    ),
  },
];

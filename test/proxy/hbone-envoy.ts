/** An Envoy that brings TCP connections by HBONE, as Istio's sidecars do: `tunneling_config` over HTTP/2 with mutual TLS. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Issued } from "../../proxy-image/dev/certificates.ts";
import type { Running, Scope } from "../cluster/scope.ts";
import { part } from "../toolchain/parts.ts";

export interface EnvoyClientOptions {
  readonly port: number;
  readonly admin: number;
  /** Where HBONE is spoken. */
  readonly hbone: number;
  /** The authority of its CONNECTs. */
  readonly authority: string;
  readonly client: Issued;
  /** PEM. */
  readonly ca: string;
  /** The SPIFFE ID that the server must have. */
  readonly server: string;
}

const type = (name: string) => `type.googleapis.com/envoy.${name}`;
const socketAddress = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });

export async function startEnvoyClient(scope: Scope, options: EnvoyClientOptions): Promise<Running> {
  const { path } = await part("envoy");
  const file = join(scope.dir, "envoy-client.json");
  writeFileSync(
    file,
    JSON.stringify({
      admin: { address: socketAddress(options.admin) },
      static_resources: { listeners: [listener(options)], clusters: [cluster(options)] },
    }),
  );
  return scope.start("envoy-client", path, ["-c", file, "--concurrency", "1", "--disable-hot-restart"], {
    ready: async () => (await fetch(`http://127.0.0.1:${options.admin}/ready`)).ok,
  });
}

function listener({ port, authority }: EnvoyClientOptions): unknown {
  return {
    name: "tcp",
    address: socketAddress(port),
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.tcp_proxy",
            typed_config: {
              "@type": type("extensions.filters.network.tcp_proxy.v3.TcpProxy"),
              stat_prefix: "tcp",
              cluster: "hbone",
              tunneling_config: {
                hostname: authority,
                headers_to_add: [{ header: { key: "baggage", value: "k8s.namespace.name=shop" } }],
              },
            },
          },
        ],
      },
    ],
  };
}

function cluster({ hbone, client, ca, server }: EnvoyClientOptions): unknown {
  return {
    name: "hbone",
    type: "STATIC",
    connect_timeout: "5s",
    load_assignment: {
      cluster_name: "hbone",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(hbone) } }] }],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": type("extensions.upstreams.http.v3.HttpProtocolOptions"),
        explicit_http_config: { http2_protocol_options: { allow_connect: true } },
      },
    },
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        "@type": type("extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
        common_tls_context: {
          alpn_protocols: ["h2"],
          // Envoy as a client stops at TLS 1.2 unless told otherwise; HBONE is 1.3.
          tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
          tls_certificates: [
            {
              certificate_chain: { inline_string: client.cert },
              private_key: { inline_string: client.key },
            },
          ],
          validation_context: {
            trusted_ca: { inline_string: ca },
            match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: server } }],
          },
        },
      },
    },
  };
}

export interface EnvoyServerOptions {
  readonly port: number;
  readonly admin: number;
  /** Where each CONNECT leads, whatever it asks for. */
  readonly backend: number;
  readonly own: Issued;
  /** PEM. */
  readonly ca: string;
}

/** Starts an Envoy that ends HBONE: mutual TLS, HTTP/2, and each CONNECT a connection to the backend. */
export async function startEnvoyServer(scope: Scope, options: EnvoyServerOptions): Promise<Running> {
  const { path } = await part("envoy");
  const file = join(scope.dir, "envoy-server.json");
  const backend = {
    name: "backend",
    type: "STATIC",
    load_assignment: {
      cluster_name: "backend",
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(options.backend) } }] }],
    },
  };
  writeFileSync(
    file,
    JSON.stringify({
      admin: { address: socketAddress(options.admin) },
      static_resources: { listeners: [hboneListener(options)], clusters: [backend] },
    }),
  );
  return scope.start("envoy-server", path, ["-c", file, "--concurrency", "1", "--disable-hot-restart"], {
    ready: async () => (await fetch(`http://127.0.0.1:${options.admin}/ready`)).ok,
  });
}

function hboneListener({ port, own, ca }: EnvoyServerOptions): unknown {
  const routes = [
    {
      match: { connect_matcher: {} },
      route: { cluster: "backend", upgrade_configs: [{ upgrade_type: "CONNECT", connect_config: {} }] },
    },
  ];
  return {
    name: "hbone",
    address: socketAddress(port),
    filter_chains: [
      {
        transport_socket: {
          name: "envoy.transport_sockets.tls",
          typed_config: {
            "@type": type("extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
            require_client_certificate: true,
            common_tls_context: {
              alpn_protocols: ["h2"],
              tls_certificates: [
                { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
              ],
              validation_context: { trusted_ca: { inline_string: ca } },
            },
          },
        },
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type": type("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
              stat_prefix: "hbone",
              codec_type: "HTTP2",
              http2_protocol_options: { allow_connect: true },
              upgrade_configs: [{ upgrade_type: "CONNECT" }],
              route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes }] },
              http_filters: [
                {
                  name: "envoy.filters.http.router",
                  typed_config: { "@type": type("extensions.filters.http.router.v3.Router") },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

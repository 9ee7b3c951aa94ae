import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { stringify } from "yaml";
import { findBun } from "../../cli/proxy/find-bun.ts";
import type { ProxyConfigInput } from "../../policy/compile/proxy/config.ts";

/** One proxy that can be measured: how it is started, and where it listens. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly command: readonly string[];
  /** Undefined: it has no such mode. */
  readonly plainPort: number | undefined;
  readonly tlsPort: number | undefined;
}

/** Portreeve and every peer that is installed. What is missing is said, and left out. */
export function findPeers(dir: string, say: (line: string) => void): Peer[] {
  const peers = [portreeve(dir), envoy(dir), haproxy(dir), nginx(dir), ghostunnel(dir)];
  const names = ["portreeve", "envoy", "haproxy", "nginx", "ghostunnel"];
  for (const [index, peer] of peers.entries()) if (!peer) say(`not installed, left out: ${names[index]}`);
  return peers.filter((peer) => peer !== undefined);
}

/** Portreeve with one worker and with two; nothing without Bun. */
export function findWorkers(dir: string): (Peer & { readonly workers: number })[] {
  return [1, 2].flatMap((workers) => {
    const peer = portreeve(dir, `workers-${workers}`, workers, 10 * workers);
    return peer ? [{ ...peer, workers }] : [];
  });
}

/**
 * All product features on, records to a file included.
 *
 * @param shift added to the ports, so that several can run at once
 */
function portreeve(dir: string, name = "portreeve", workers = 1, shift = 0): Peer | undefined {
  const bun = findBun();
  if (!bun) return undefined;
  const target = (service: string) => ({
    name: service,
    ports: [{ port: 9000 }],
    endpoints: [{ host: "127.1.0.30" }],
    limits: { maxConnections: 100_000 },
  });
  const config: ProxyConfigInput = {
    version: 1,
    workers,
    policy: { digest: "bench" },
    trust: {
      trustDomain: "perf.test",
      bundles: [{ trustDomain: "perf.test", file: join(dir, "certs/ca.pem") }],
    },
    certificate: { source: "files", cert: join(dir, "certs/server.pem"), key: join(dir, "certs/server.key") },
    listeners: [
      { name: "plain", mode: "plaintext-loopback", port: 7130 + shift, service: "plain" },
      { name: "mtls", mode: "mtls", bind: "127.0.0.1", port: 7230 + shift, service: "mtls" },
    ],
    services: [target("plain"), target("mtls")],
    rules: [
      { id: "loopback", action: "allow", service: "plain", subjects: { cidrs: ["127.0.0.0/8"] } },
      {
        id: "client",
        action: "allow",
        service: "mtls",
        subjects: { workloads: ["spiffe://perf.test/ns/default/sa/client"] },
      },
    ],
    audit: { sinks: [{ type: "file", path: join(dir, `${name}.jsonl`) }] },
    metrics: { bind: "127.0.0.1", port: 7930 + shift },
  };
  const file = join(dir, `${name}.yaml`);
  writeFileSync(file, stringify(config));
  const main = join(import.meta.dirname, "../../proxy-image/main.ts");
  return {
    name,
    version: `Bun ${output(bun, ["--version"])}, TLS of ${process.env["PORTREEVE_RUSTLS"] === "off" ? "the runtime" : "rustls"}`,
    command: [bun, main, file],
    plainPort: 7130 + shift,
    tlsPort: 7230 + shift,
  };
}

function envoy(dir: string): Peer | undefined {
  const path = process.env["ENVOY"] ?? onPath("envoy");
  if (!path) return undefined;
  const version = /\/(\d+\.\d+\.\d+)/.exec(output(path, ["--version"]))?.[1] ?? "?";
  const command = [
    path,
    "-c",
    configured(dir, "envoy.yaml"),
    "--concurrency",
    "1",
    "--disable-hot-restart",
    "-l",
    "error",
  ];
  return { name: "envoy", version, command, plainPort: 7101, tlsPort: 7201 };
}

function haproxy(dir: string): Peer | undefined {
  const path = onPath("haproxy");
  if (!path) return undefined;
  const version = /version (\S+)/.exec(output(path, ["-v"]))?.[1] ?? "?";
  return {
    name: "haproxy",
    version,
    command: [path, "-f", configured(dir, "haproxy.cfg"), "-db"],
    plainPort: 7102,
    tlsPort: 7202,
  };
}

function nginx(dir: string): Peer | undefined {
  const path = onPath("nginx");
  if (!path) return undefined;
  const version = /nginx\/(\S+)/.exec(output(path, ["-v"]))?.[1] ?? "?";
  return {
    name: "nginx",
    version,
    command: [path, "-c", configured(dir, "nginx.conf")],
    plainPort: 7104,
    tlsPort: 7204,
  };
}

function ghostunnel(dir: string): Peer | undefined {
  const path = process.env["GHOSTUNNEL"] ?? onPath("ghostunnel");
  if (!path) return undefined;
  const certs = join(dir, "certs");
  const command = [
    "env",
    "GOMAXPROCS=1",
    path,
    "server",
    "--listen",
    "127.0.0.1:7205",
    "--target",
    "127.1.0.5:9000",
    "--unsafe-target",
    "--cert",
    join(certs, "server.pem"),
    "--key",
    join(certs, "server.key"),
    "--cacert",
    join(certs, "ca.pem"),
    "--allow-uri",
    "spiffe://perf.test/ns/default/sa/client",
    "--quiet=all",
    "--connect-timeout",
    "10s",
  ];
  return {
    name: "ghostunnel",
    version: output(path, ["--version"]),
    command,
    plainPort: undefined,
    tlsPort: 7205,
  };
}

function configured(dir: string, name: string): string {
  const file = join(dir, name);
  const template = readFileSync(join(import.meta.dirname, "peers", name), "utf8");
  writeFileSync(file, template.replaceAll("@DIR@", dir));
  return file;
}

function onPath(name: string): string | undefined {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]
    .map((folder) => join(folder, name))
    .find(existsSync);
}

/** First line of what a command prints; nginx tells its version on standard error. */
function output(command: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n")[0] ?? "?";
}

import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { ProxyConfig } from "../../policy/compile/proxy/config.ts";
import { parseProxyConfig } from "../../policy/compile/proxy/config-parse.ts";
import { type Authority, createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { CliError } from "../exit.ts";

/** Somebody whose certificate is made for trying things out. */
interface DevClient {
  readonly file: string;
  readonly uri: string;
}

/**
 * Makes the certificates that a configuration names and that are not there, for a laptop: one CA for the own trust
 * domain, the proxy's certificate for `localhost`, a certificate for every workload that a rule names, and one for a
 * stranger whom no rule names. Valid for a day; made anew once they have expired. Files that are there and valid stay.
 *
 * @returns what to tell the user
 */
export function createDevFiles(configFile: string): string {
  const folder = dirname(resolve(configFile));
  const config = parseProxyConfig(readText(configFile), configFile);
  const { trustDomain, bundles } = config.trust;
  const own = bundles.find((bundle) => bundle.trustDomain === trustDomain);
  if (config.certificate.source !== "files" || !own) {
    throw new CliError(
      "proxy: --dev needs `certificate: { source: files, … }` and a bundle of the own trust domain; this configuration gets its certificate elsewhere. examples/proxy/proxy.yaml in this package is one for a laptop: copy it",
    );
  }
  const bundle = resolve(folder, own.file);
  const cert = resolve(folder, config.certificate.cert);
  const key = resolve(folder, config.certificate.key);
  const clients = join(dirname(bundle), "clients");
  const wanted = clientsOf(config);
  const all = [cert, bundle, ...wanted.map(({ file }) => join(clients, `${file}.pem`))];
  if (!all.every(isValid)) {
    // A bundle that somebody else made is not ours to replace, and without its key nothing can be issued below it.
    if (existsSync(bundle) && !existsSync(join(clients, "stranger.pem"))) {
      throw new CliError(`proxy: ${bundle} was not made by --dev; remove it, or run without --dev`);
    }
    issueAll({ bundle, cert, key, clients, trustDomain, wanted });
  }
  return guide(config, bundle, clients, wanted);
}

function issueAll(files: {
  bundle: string;
  cert: string;
  key: string;
  clients: string;
  trustDomain: string;
  wanted: readonly DevClient[];
}): void {
  const authority = createAuthority("portreeve dev CA");
  write(files.bundle, authority.cert);
  const proxy = createLeaf("portreeve dev proxy", authority, {
    uris: [`spiffe://${files.trustDomain}/ns/portreeve/sa/proxy`],
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1", "::1"],
  });
  write(files.cert, proxy.cert);
  write(files.key, proxy.key, 0o600);
  for (const { file, uri } of files.wanted) writeClient(files.clients, file, uri, authority);
}

function writeClient(folder: string, file: string, uri: string, authority: Authority): void {
  const leaf = createLeaf(file, authority, { uris: [uri] });
  write(join(folder, `${file}.pem`), leaf.cert);
  // libpq refuses a private key that others may read.
  write(join(folder, `${file}.key`), leaf.key, 0o600);
}

function clientsOf(config: ProxyConfig): DevClient[] {
  const prefix = `spiffe://${config.trust.trustDomain}/`;
  const ids = config.rules.flatMap(({ subjects }) => [
    ...subjects.workloads.filter((id) => id.startsWith(prefix)),
    ...subjects.namespaces
      .filter(({ trustDomain }) => trustDomain === config.trust.trustDomain)
      .map(({ namespace }) => `${prefix}ns/${namespace}/sa/default`),
  ]);
  ids.push(`${prefix}ns/nowhere/sa/stranger`);
  return [...new Set(ids)].map((uri) => ({ file: fileOf(uri), uri }));
}

/** `shop-api` for `…/ns/shop/sa/api`. */
function fileOf(uri: string): string {
  const path = uri.split("/").slice(3);
  if (path.join("/") === "ns/nowhere/sa/stranger") return "stranger";
  return path[0] === "ns" && path[2] === "sa" ? `${path[1]}-${path[3]}` : path.join("-");
}

function guide(config: ProxyConfig, bundle: string, clients: string, wanted: readonly DevClient[]): string {
  const here = (path: string) => relative(process.cwd(), path) || ".";
  const lines = [
    "portreeve proxy --dev: throw-away certificates, valid for a day",
    `  CA       ${here(bundle)}`,
    ...wanted.map(({ file, uri }) => `  client   ${here(join(clients, `${file}.pem`))}  ${uri}`),
    "",
    "Try it (the stranger is refused):",
  ];
  const who = wanted[0]?.file ?? "stranger";
  const pair = {
    ca: here(bundle),
    cert: here(join(clients, `${who}.pem`)),
    key: here(join(clients, `${who}.key`)),
  };
  for (const listener of config.listeners) {
    if (listener.mode !== "mtls") continue;
    const service = config.services.find(({ name }) => name === listener.service);
    const port = service?.ports.find(({ port }) => port === listener.servicePort) ?? service?.ports[0];
    const example = port ? clientCommand(port.protocol, listener.port, pair) : undefined;
    if (example !== undefined) lines.push(`  ${example}`);
  }
  return `${lines.join("\n")}\n\n`;
}

function clientCommand(
  protocol: string,
  port: number,
  { ca, cert, key }: { ca: string; cert: string; key: string },
): string | undefined {
  switch (protocol) {
    case "postgres":
      return `psql "host=localhost port=${port} user=postgres sslmode=verify-full sslrootcert=${ca} sslcert=${cert} sslkey=${key}"`;
    case "redis":
      return `redis-cli -h localhost -p ${port} --tls --cacert ${ca} --cert ${cert} --key ${key}`;
    case "mysql":
      return `mariadb -h localhost --protocol=tcp -P ${port} -u root --ssl-verify-server-cert --ssl-ca=${ca} --ssl-cert=${cert} --ssl-key=${key}`;
    default:
      return `openssl s_client -quiet -connect localhost:${port} -CAfile ${ca} -cert ${cert} -key ${key}`;
  }
}

function isValid(file: string): boolean {
  try {
    return Date.parse(new X509Certificate(readFileSync(file)).validTo) > Date.now() + 60_000;
  } catch {
    return false;
  }
}

function write(file: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CliError(`proxy: the configuration cannot be read: ${file}`, undefined, { cause });
  }
}

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ProxyConfig } from "../../policy/compile/proxy/config.ts";
import { parseProxyConfig } from "../../policy/compile/proxy/config-parse.ts";
import type { UpstreamTlsFiles } from "../connect/upstream-tls.ts";
import type { ProviderFiles } from "../credentials/verifier.ts";
import type { IssuedCertificate } from "../istiod/issue.ts";

/** A certificate chain and its key, as PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A configuration with the content of every file that it names: read together, used together. */
export interface Loaded {
  readonly config: ProxyConfig;
  /** The proxy's own certificate; undefined as long as its source has not given one. */
  readonly certificate: KeyPair | undefined;
  /** Certificates of listeners that have their own, by listener name. */
  readonly listenerCertificates: ReadonlyMap<string, KeyPair>;
  /** PEM by trust domain. */
  readonly bundles: ReadonlyMap<string, string>;
  /** By service name. Without a certificate of its own, `mutual` shows the proxy's. */
  readonly upstreamTls: ReadonlyMap<string, UpstreamTlsFiles>;
  /** By the name of an OIDC provider. */
  readonly identityFiles: ReadonlyMap<string, ProviderFiles>;
  /** Every file that was read, for watching. */
  readonly files: readonly string[];
}

/** A file that the configuration names cannot be used. */
export class LoadError extends Error {
  readonly code = "PROXY_LOAD";
}

/**
 * Reads a configuration and its files. All or nothing.
 *
 * @throws PolicyError for the configuration itself, LoadError for a file that it names
 */
export function load(configFile: string): Loaded {
  const files: string[] = [];
  const folder = dirname(resolve(configFile));
  // What a configuration names is relative to it; its own name, to the working folder.
  const read = (path: string, what: string): string => {
    const full = resolve(folder, path);
    files.push(full);
    try {
      return readFileSync(full, "utf8");
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? cause.code : cause;
      throw new LoadError(`${what} cannot be read: ${full} (${String(code)})`, { cause });
    }
  };
  const config = parseProxyConfig(read(resolve(configFile), "the configuration"), configFile);
  const certificate = ownCertificate(config, read);
  const listenerCertificates = new Map<string, KeyPair>();
  for (const listener of config.listeners) {
    if (!("certificate" in listener) || !listener.certificate) continue;
    const { cert, key } = listener.certificate;
    const pair = {
      cert: read(cert, `the certificate of listener "${listener.name}"`),
      key: read(key, `the private key of listener "${listener.name}"`),
    };
    checkKeyPair(pair, `the certificate of listener "${listener.name}"`);
    listenerCertificates.set(listener.name, pair);
  }
  const bundles = new Map(
    config.trust.bundles.map(({ trustDomain, file }) => [
      trustDomain,
      read(file, `the bundle of trust domain "${trustDomain}"`),
    ]),
  );
  const upstreamTls = new Map<string, UpstreamTlsFiles>();
  for (const { name, tls } of config.services) {
    if (tls.mode === "none") continue;
    const own = tls.mode === "mutual" ? tls.certificate : undefined;
    upstreamTls.set(name, {
      ca: tls.ca === undefined ? undefined : read(tls.ca, `the CA of service "${name}"`),
      cert: own && read(own.cert, `the certificate for "${name}"`),
      key: own && read(own.key, `the key for "${name}"`),
    });
  }
  const identityFiles = new Map(
    config.identityProviders.oidc.map(({ name, ca, jwksFile }) => [
      name,
      {
        ca: ca === undefined ? undefined : read(ca, `the CA of identity provider "${name}"`),
        jwks: jwksFile === undefined ? undefined : read(jwksFile, `the keys of identity provider "${name}"`),
      },
    ]),
  );
  return { config, certificate, listenerCertificates, bundles, upstreamTls, identityFiles, files };
}

function ownCertificate(
  { certificate: source }: ProxyConfig,
  read: (path: string, what: string) => string,
): KeyPair | undefined {
  switch (source.source) {
    case "files": {
      const pair = {
        cert: read(source.cert, "the proxy's certificate"),
        key: read(source.key, "the proxy's private key"),
      };
      checkKeyPair(pair, "the proxy's certificate");
      return pair;
    }
    case "istiod":
    case "workloadApi":
      return undefined;
  }
}

/**
 * Puts a certificate from istiod or the Workload API into what was loaded: the proxy's own, and with it the bundles of the
 * own trust domain and of others, unless the configuration names a file for one.
 *
 * @throws LoadError when it is not of the configuration's trust domain
 */
export function withIssued(loaded: Loaded, issued: IssuedCertificate | undefined): Loaded {
  const { certificate, trust } = loaded.config;
  if (certificate.source === "files" || !issued) return loaded;
  if (issued.trustDomain !== trust.trustDomain) {
    throw new LoadError(
      `the certificate in use is of trust domain "${issued.trustDomain}"; start the proxy anew to change to "${trust.trustDomain}"`,
    );
  }
  // What was loaded may hold the bundles of the certificate before: only those from files stay.
  const files = new Set(trust.bundles.map(({ trustDomain }) => trustDomain));
  const named = [...loaded.bundles].filter(([domain]) => files.has(domain));
  // The own bundle vouches for an alias: a second authority for the same names would be one too many.
  const others = [...issued.federated].filter(([domain]) => !trust.aliases.includes(domain));
  return {
    ...loaded,
    certificate: { cert: issued.cert, key: issued.key },
    bundles: new Map([...others, [trust.trustDomain, issued.bundle], ...named]),
  };
}

/** Certificate and key are two files: between two writes they may not belong together. */
function checkKeyPair(pair: KeyPair, what: string): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key));
  } catch (cause) {
    throw new LoadError(`${what} or its private key is not valid PEM`, { cause });
  }
  if (!fits) throw new LoadError(`${what} does not belong to its private key`);
}

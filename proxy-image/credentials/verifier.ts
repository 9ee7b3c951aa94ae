import { decodeJwt } from "jose";
import type { ProxyConfig } from "../../policy/compile/proxy/config.ts";
import type { AwsVerifier } from "./aws.ts";
import { type Credential, type Outcome, refused } from "./credential.ts";
import type { KeyRing } from "./key-ring.ts";
import type { KeySet } from "./key-set.ts";
import { MAX_TOKEN, type OidcProvider, verifyToken } from "./oidc.ts";

/** The content of the files that an OIDC provider's configuration names. */
export interface ProviderFiles {
  readonly ca?: string | undefined;
  readonly jwks?: string | undefined;
}

/** Verifies what people and agents show, by one configuration. */
export class CredentialVerifier {
  readonly #config: ProxyConfig;
  readonly #aws: AwsVerifier;
  readonly #keys: ReadonlyMap<OidcProvider, KeySet>;
  readonly #agents: ReadonlyMap<string, string>;
  /** Providers of whose groups a deny depends. */
  readonly #needGroups: ReadonlySet<string>;

  /**
   * @param ring keys that outlive a reload
   * @throws Error for a file of keys that cannot be used
   */
  constructor(
    config: ProxyConfig,
    files: ReadonlyMap<string, ProviderFiles>,
    ring: KeyRing,
    aws: AwsVerifier,
  ) {
    this.#config = config;
    this.#aws = aws;
    this.#keys = new Map(
      config.identityProviders.oidc.map((provider) => [
        provider,
        ring.keysOf(provider, files.get(provider.name) ?? {}),
      ]),
    );
    this.#agents = new Map(config.agents.flatMap(({ name, tokens }) => tokens.map((token) => [token, name])));
    this.#needGroups = new Set(
      config.rules
        .filter(({ action }) => action === "deny")
        .flatMap(({ subjects }) => subjects.idpGroups.map(providerOf)),
    );
  }

  /** There is somebody who vouches for people. */
  get any(): boolean {
    const { oidc, aws } = this.#config.identityProviders;
    return oidc.length + aws.length > 0;
  }

  /** State of the keys, by provider, for metrics. */
  get keyStates(): { provider: string; keys: number; fetchedAt: number }[] {
    return [...this.#keys].map(([{ name }, keys]) => ({ provider: name, ...keys.state }));
  }

  /** Fetches keys ahead of the first need. */
  warm(): void {
    for (const keys of this.#keys.values()) keys.warm();
  }

  /**
   * @param authorization value of `Proxy-Authorization`: `Bearer TOKEN`, or `AWS4-STS REQUEST`
   * @param certificate DER of the client certificate on the connection
   * @param from address of the client
   * @param at epoch milliseconds
   */
  async verify(
    authorization: string,
    certificate: Uint8Array | undefined,
    from: string,
    at: number,
  ): Promise<Outcome> {
    const [, scheme = "", value = ""] = /^([A-Za-z0-9-]+) +(\S+)$/.exec(authorization) ?? [];
    switch (scheme.toLowerCase()) {
      case "bearer":
        return this.verifyToken(value, certificate, at);
      case "aws4-sts":
        return this.#aws.verify(value, this.#config.identityProviders.aws, from, at);
      default:
        return refused("malformed", "show a credential as `Bearer TOKEN` or `AWS4-STS REQUEST`");
    }
  }

  /** @param only the one provider that is accepted here. @default any */
  async verifyToken(
    token: string,
    certificate: Uint8Array | undefined,
    at: number,
    only?: string,
  ): Promise<Outcome> {
    if (token.length > MAX_TOKEN) return refused("too-large", `the token is longer than ${MAX_TOKEN} bytes`);
    // Only to find out who has to vouch for it; nothing in it is believed yet.
    const claims = claimsOf(token);
    if (!claims) return refused("malformed", "this is not a signed token (JWT)");
    const providers = [...this.#keys].filter(
      ([{ issuer, name }]) => issuer === claims.iss && (only === undefined || name === only),
    );
    const ofAudience = providers.find(([{ audiences }]) => audiences.some((one) => claims.aud.includes(one)));
    const [provider, keys] = ofAudience ?? providers[0] ?? [];
    if (!provider || !keys)
      return refused("no-provider", "no identity provider of this proxy is the token's issuer");
    return verifyToken(
      token,
      provider,
      {
        keys,
        agentOf: (subject) => this.#agents.get(subject),
        needsGroups: this.#needGroups.has(provider.name),
        certificate,
      },
      at,
    );
  }

  /** Whether a credential that was accepted under another configuration would be under this one. */
  stillAccepts({ kind, provider, issuer, person, accepted }: Credential): boolean {
    const { oidc, aws } = this.#config.identityProviders;
    switch (kind) {
      case "oidc":
        // A deny of groups that came since: silence about groups is no way past it.
        if (person && accepted.saysGroups !== true && this.#needGroups.has(provider)) return false;
        return oidc.some(
          (one) =>
            one.name === provider &&
            one.issuer === issuer &&
            one.audiences.some((audience) => accepted.audiences.includes(audience)) &&
            (one.clients.length === 0 || one.clients.some((client) => client === accepted.client)),
        );
      case "aws":
        return aws.some(
          (one) =>
            one.name === provider &&
            one.endpoint === issuer &&
            accepted.audiences.includes(one.audience) &&
            one.accounts.some((account) => account === accepted.account),
        );
    }
  }
}

function claimsOf(token: string): { iss: string; aud: readonly string[] } | undefined {
  try {
    const { iss, aud } = decodeJwt(token);
    const audiences = typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
    return typeof iss === "string" ? { iss, aud: audiences } : undefined;
  } catch {
    return undefined;
  }
}

function providerOf(qualified: string): string {
  return qualified.slice(0, qualified.indexOf(":"));
}

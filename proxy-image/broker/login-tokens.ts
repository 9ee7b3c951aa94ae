import type { ProxyServiceAuth } from "../../policy/compile/proxy/config.ts";
import type { AwsTokens } from "./aws-tokens.ts";
import { type IssuedToken, TokenCache } from "./token-cache.ts";

/** No token can be had: no credentials, or none that AWS's SDK understands. Its message is for the proxy's operator. */
export class CredentialError extends Error {
  readonly code = "CREDENTIAL_UNAVAILABLE";
}

/** What became of an attempt to make a token, for the metrics. */
export type TokenResult = "issued" | "failed";

/** A login that a token is for. */
export interface TokenLogin {
  /** Name of the service. */
  readonly service: string;
  readonly auth: ProxyServiceAuth;
  /** The endpoint, for a service whose `auth` names none. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** The tokens by which this process logs in to services. Tokens are held in memory, and never written anywhere. */
export class LoginTokens {
  readonly #cache: TokenCache;
  readonly #load: () => Promise<AwsTokens>;
  readonly #told: (service: string, result: TokenResult) => void;
  readonly #expires = new Map<string, number>();
  #issuer: Promise<AwsTokens> | undefined;

  /** @param told of every token that was made, or could not be: not of one that was held already */
  constructor(
    told: (service: string, result: TokenResult) => void = () => {},
    load: () => Promise<AwsTokens> = loadAwsTokens,
    cache: TokenCache = new TokenCache(),
  ) {
    this.#told = told;
    this.#load = load;
    this.#cache = cache;
  }

  /** When the token of a service that was made last ends, epoch milliseconds; undefined while none was. */
  expires(service: string): number | undefined {
    return this.#expires.get(service);
  }

  /**
   * A token for one database user; empty for a service that believes the proxy without one.
   *
   * @throws CredentialError
   */
  async token(login: TokenLogin): Promise<string> {
    try {
      return await this.#token(login);
    } catch (cause) {
      throw new CredentialError(cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  #token({ service, auth, host, port, user }: TokenLogin): Promise<string> {
    switch (auth.type) {
      case "trust":
        return Promise.resolve("");
      case "rds-iam": {
        const { region } = auth;
        const login = { region, host: auth.host ?? host, port, user };
        const key = JSON.stringify(["rds", region, login.host, port, user]);
        return this.#cache.get(key, () => this.#issue(service, (tokens) => tokens.rds(login)));
      }
      case "elasticache-iam": {
        const { region } = auth;
        const login = { region, cache: auth.cache, serverless: auth.serverless, user };
        const key = JSON.stringify(["cache", region, auth.cache, auth.serverless, user]);
        return this.#cache.get(key, () => this.#issue(service, (tokens) => tokens.elasticache(login)));
      }
    }
  }

  async #issue(service: string, make: (tokens: AwsTokens) => Promise<IssuedToken>): Promise<IssuedToken> {
    try {
      const issued = await make(await this.#tokens());
      this.#expires.set(service, issued.expires);
      this.#told(service, "issued");
      return issued;
    } catch (error) {
      this.#told(service, "failed");
      throw error;
    }
  }

  #tokens(): Promise<AwsTokens> {
    this.#issuer ??= this.#load().catch((error: unknown) => {
      this.#issuer = undefined;
      throw error;
    });
    return this.#issuer;
  }
}

async function loadAwsTokens(): Promise<AwsTokens> {
  try {
    const { AwsTokens } = await import("./aws-tokens.ts");
    return new AwsTokens();
  } catch (cause) {
    throw new CredentialError(
      "the AWS SDK is not installed; run npm install with optional dependencies (@aws-sdk/rds-signer, @aws-sdk/credential-provider-node)",
      { cause },
    );
  }
}

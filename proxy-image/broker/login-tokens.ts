import type { ProxyServiceAuth } from "../../policy/compile/proxy/config.ts";
import type { AwsTokens } from "./aws-tokens.ts";
import { TokenCache } from "./token-cache.ts";

/** No token can be had: no credentials, or none that AWS's SDK understands. Its message is for the proxy's operator. */
export class CredentialError extends Error {
  readonly code = "CREDENTIAL_UNAVAILABLE";
}

/** The tokens by which this process logs in to services. Tokens are held in memory, and never written anywhere. */
export class LoginTokens {
  readonly #cache: TokenCache;
  readonly #load: () => Promise<AwsTokens>;
  #issuer: Promise<AwsTokens> | undefined;

  constructor(load: () => Promise<AwsTokens> = loadAwsTokens, cache: TokenCache = new TokenCache()) {
    this.#load = load;
    this.#cache = cache;
  }

  /**
   * A token for one database user; empty for a service that believes the proxy without one.
   *
   * @param host the endpoint, for a service whose `auth` names none
   * @throws CredentialError
   */
  async token(auth: ProxyServiceAuth, host: string, port: number, user: string): Promise<string> {
    try {
      return await this.#token(auth, host, port, user);
    } catch (cause) {
      throw new CredentialError(cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  #token(auth: ProxyServiceAuth, host: string, port: number, user: string): Promise<string> {
    switch (auth.type) {
      case "trust":
        return Promise.resolve("");
      case "rds-iam": {
        const { region } = auth;
        const login = { region, host: auth.host ?? host, port, user };
        const key = JSON.stringify(["rds", region, login.host, port, user]);
        return this.#cache.get(key, async () => (await this.#tokens()).rds(login));
      }
      case "elasticache-iam": {
        const { region } = auth;
        const login = { region, cache: auth.cache, serverless: auth.serverless, user };
        const key = JSON.stringify(["cache", region, auth.cache, auth.serverless, user]);
        return this.#cache.get(key, async () => (await this.#tokens()).elasticache(login));
      }
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

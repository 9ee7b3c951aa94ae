/**
 * A real OpenID Connect provider on loopback: panva's oidc-provider, with JWT access tokens for the proxy, rotating
 * refresh tokens, device code, client credentials, revocation, and token exchange as RFC 8693 has it.
 */
import { createPublicKey, type JsonWebKeyInput, verify } from "node:crypto";
import type { Server } from "node:http";
import Provider, { errors, type KoaContextWithOIDC } from "oidc-provider";
import { freePorts } from "../cluster/ports.ts";

export const AUDIENCE = "portreeve";
const RESOURCE = "urn:portreeve";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

export interface TestProvider {
  readonly issuer: string;
  /** Refresh tokens given so far, by what the provider was asked. */
  readonly counts: { refreshes: number; revocations: number };
  stop(): Promise<void>;
}

export interface ProviderOptions {
  /** Groups by user. */
  readonly users: Readonly<Record<string, readonly string[]>>;
  /** Seconds that a token lives. @default 300 */
  readonly tokenSeconds?: number;
}

/** The clients: people's command line, a job, and an agent that exchanges tokens. */
export const CLIENT = "portreeve-cli";
export const JOB = { id: "nightly-job", secret: "job-secret-job-secret-job-secret-job" };
export const AGENT = { id: "triage-bot", secret: "bot-secret-bot-secret-bot-secret-bot" };

export async function startProvider(options: ProviderOptions): Promise<TestProvider> {
  const [port = 0] = await freePorts(1);
  const issuer = `http://127.0.0.1:${port}`;
  const counts = { refreshes: 0, revocations: 0 };
  const resourceServer = {
    scope: "connect",
    audience: AUDIENCE,
    accessTokenTTL: options.tokenSeconds ?? 300,
    accessTokenFormat: "jwt" as const,
    jwt: { sign: { alg: "RS256" as const } },
  };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT,
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        redirect_uris: ["http://127.0.0.1/callback"],
        response_types: ["code"],
      },
      machine(JOB, ["client_credentials"]),
      machine(AGENT, [EXCHANGE]),
    ],
    scopes: ["openid", "email", "groups", "offline_access", "connect"],
    claims: { openid: ["sub"], email: ["email"], groups: ["groups"] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    findAccount: (_, id) => {
      const groups = options.users[id];
      return (
        groups && {
          accountId: id,
          claims: () => ({ sub: id, email: `${id}@example.com`, groups: [...groups] }),
        }
      );
    },
    ttl: { Session: 600, Grant: 600, Interaction: 600, IdToken: 600, RefreshToken: 600 },
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => resourceServer,
      },
    },
    extraTokenClaims: (_, token) => {
      const account = "accountId" in token ? String(token.accountId) : undefined;
      const act = "extra" in token && token.extra ? token.extra : {};
      if (account === undefined) return { email: "nightly-job@clients.example.com", groups: ["jobs"] };
      return { email: `${account}@example.com`, groups: options.users[account] ?? [], ...act };
    },
  });
  provider.registerGrantType<{ subject_token: string }>(
    EXCHANGE,
    async (context) => {
      const account = await subjectOf(issuer, context.oidc.params.subject_token);
      const grant = new provider.Grant({ accountId: account, clientId: context.oidc.client.clientId });
      grant.addResourceScope(RESOURCE, "connect");
      const token = new provider.AccessToken({
        accountId: account,
        client: context.oidc.client,
        grantId: await grant.save(),
        gty: "token_exchange",
        scope: "connect",
        extra: { act: { sub: context.oidc.client.clientId } },
      });
      token.resourceServer = new provider.ResourceServer(RESOURCE, resourceServer);
      context.body = {
        access_token: await token.save(),
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
        token_type: "Bearer",
        expires_in: token.expiration,
      };
    },
    [
      "subject_token",
      "subject_token_type",
      "requested_token_type",
      "actor_token",
      "actor_token_type",
      "scope",
    ],
  );
  const count = ({ oidc }: KoaContextWithOIDC): void => {
    if (oidc.params?.["grant_type"] === "refresh_token") counts.refreshes += 1;
  };
  provider.on("grant.success", count);
  provider.on("grant.revoked", () => {
    counts.revocations += 1;
  });
  const server: Server = await new Promise((done) => {
    const listening = provider.listen(port, "127.0.0.1", () => done(listening));
  });
  return {
    issuer,
    counts,
    stop: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

function machine({ id, secret }: { readonly id: string; readonly secret: string }, grantTypes: string[]) {
  return {
    client_id: id,
    client_secret: secret,
    grant_types: grantTypes,
    redirect_uris: [],
    response_types: [],
  };
}

/** The subject of a token that this provider issued. @throws invalid_grant for any other */
async function subjectOf(issuer: string, token: string): Promise<string> {
  const claims = await verifiedClaims(issuer, token);
  if (!claims || typeof claims["sub"] !== "string")
    throw new errors.InvalidGrant("not a token of this provider");
  return claims["sub"];
}

/** The claims of a token with a good signature of this issuer, that has not ended; `undefined` for any other. */
export async function verifiedClaims(
  issuer: string,
  token: string,
): Promise<Record<string, unknown> | undefined> {
  const [head = "", body = "", signature = ""] = token.split(".");
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as {
    keys: (JsonWebKeyInput["key"] & { kid: string })[];
  };
  const { kid } = decoded(head);
  const key = keys.find((one) => one.kid === kid);
  if (!key) return undefined;
  const good = verify(
    "sha256",
    Buffer.from(`${head}.${body}`),
    createPublicKey({ key, format: "jwk" }),
    Buffer.from(signature, "base64url"),
  );
  const claims = decoded(body);
  return good && Number(claims["exp"]) * 1000 > Date.now() ? claims : undefined;
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
}

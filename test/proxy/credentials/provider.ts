/** A real OpenID Provider (npm `oidc-provider`) on loopback: its discovery document, its keys, its tokens. */
import type { Server } from "node:http";
import Provider from "oidc-provider";
import type { Scope } from "../../cluster/scope.ts";

export interface RealProvider {
  readonly issuer: string;
  /** A token of the client's own: an agent or a script. */
  clientToken(client: string): Promise<string>;
  /** What a person at a browser ends up with: a token for the given account, by the device flow. */
  personToken(account: string): Promise<string>;
  stop(): void;
}

export const AUDIENCE = "portreeve";
const SECRET = "secret-of-a-test-client-secret-of-a-test-client";

/**
 * @param groups by account name
 * @param ttl seconds that a token lives
 */
export async function startProvider(
  scope: Scope,
  port: number,
  groups: Readonly<Record<string, readonly string[]>>,
  ttl = 300,
): Promise<RealProvider> {
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "cli",
        token_endpoint_auth_method: "none",
        application_type: "native",
        grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        redirect_uris: ["http://127.0.0.1/cb"],
        response_types: ["code"],
      },
      {
        client_id: "bot-1",
        client_secret: SECRET,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    claims: { openid: ["sub"], email: ["email"] },
    scopes: ["openid", "email", "connect"],
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:portreeve",
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "connect",
          audience: AUDIENCE,
          accessTokenTTL: ttl,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    extraTokenClaims: (_, token) => {
      const account = "accountId" in token ? token.accountId : undefined;
      return typeof account === "string"
        ? { email: `${account}@example.com`, groups: [...(groups[account] ?? [])] }
        : {};
    },
  });
  const server: Server = await new Promise((done) => {
    const listening = provider.listen(port, "127.0.0.1", () => done(listening));
  });
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  scope.onStop(stop);
  return {
    issuer,
    stop,
    clientToken: async (client) => {
      const basic = Buffer.from(`${client}:${SECRET}`).toString("base64");
      return tokenOf(
        await post(
          `${issuer}/token`,
          { grant_type: "client_credentials", scope: "connect" },
          { authorization: `Basic ${basic}` },
        ),
      );
    },
    personToken: (account) => deviceFlow(issuer, account),
  };
}

async function deviceFlow(issuer: string, account: string): Promise<string> {
  const begun = await post(`${issuer}/device/auth`, { client_id: "cli", scope: "openid email connect" });
  const code = String(begun["user_code"]);
  const browser = new Browser(issuer);
  let page = await browser.go(`/device?user_code=${code}`);
  for (let step = 0; step < 6; step++) {
    const action = /action="([^"]+)"/.exec(page)?.[1];
    if (action === undefined) break;
    const fields = Object.fromEntries(
      [...page.matchAll(/name="([^"]+)"[^>]*value="([^"]*)"/g)].map(([, name, value]) => [
        name ?? "",
        value ?? "",
      ]),
    );
    if (page.includes('name="login"')) Object.assign(fields, { login: account, password: "any" });
    if (page.includes('name="user_code"')) fields["user_code"] ||= code;
    if (page.includes('name="confirm"')) fields["confirm"] = "yes";
    page = await browser.go(action, fields);
  }
  return tokenOf(
    await post(`${issuer}/token`, {
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: String(begun["device_code"]),
      client_id: "cli",
    }),
  );
}

/** As much of a browser as the provider's own pages need: cookies, redirects, forms. */
class Browser {
  readonly #base: string;
  readonly #cookies = new Map<string, string>();

  constructor(base: string) {
    this.#base = base;
  }

  async go(path: string, form?: Readonly<Record<string, string>>): Promise<string> {
    let url = new URL(path, this.#base);
    let init: RequestInit = form ? { method: "POST", body: new URLSearchParams(form) } : {};
    for (let hop = 0; hop < 10; hop++) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const response = await fetch(url, { ...init, redirect: "manual", headers: { cookie } });
      for (const set of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        if (name !== undefined) this.#cookies.set(name, value ?? "");
      }
      const next = response.headers.get("location");
      if (next === null) return response.text();
      url = new URL(next, this.#base);
      init = {};
    }
    throw new Error("too many redirects");
  }
}

async function post(
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: "POST", headers, body: new URLSearchParams(form) });
  return (await response.json()) as Record<string, unknown>;
}

function tokenOf(answer: Readonly<Record<string, unknown>>): string {
  const { access_token: token } = answer;
  if (typeof token !== "string") throw new Error(`no token: ${JSON.stringify(answer)}`);
  return token;
}

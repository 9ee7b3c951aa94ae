import { join } from "node:path";
import { CliError } from "../exit.ts";
import type { Context, Identity, ProviderIdentity } from "./contexts.ts";
import { portreeveHome } from "./home.ts";
import { claimsOf } from "./jwt.ts";
import { withLock } from "./lock.ts";
import { openStore } from "./store/store.ts";
import { parseStored, type StoredCredential } from "./store/stored.ts";

/** What the proxy is shown, for one request. */
export interface Authorization {
  /** Value of `Proxy-Authorization`; never printed. */
  readonly header: string;
  /** Epoch milliseconds; absent where nobody says, and for AWS, where each request is signed anew. */
  readonly expires: number | undefined;
}

/** A token that ends sooner than this is renewed first: it should outlive the handshake that it is for. */
const MARGIN_MS = 30_000;

/**
 * Gives the credential of a context whenever it is needed, renewing it without a word.
 *
 * Each identity is a case of its own: a person's token is renewed by refresh token, a client's and an exchanged one are
 * asked for again, a file is read again, an AWS request is signed again.
 */
export class Authorizer {
  readonly context: Context;
  #held: StoredCredential | undefined;

  constructor(context: Context) {
    this.context = context;
  }

  /** @throws CliError when there is no credential, and none to be had without the person */
  async get(): Promise<Authorization> {
    const { identity } = this.context;
    switch (identity.type) {
      case "aws": {
        const { awsKeys, signedIdentity } = await import("./aws/sign.ts");
        const header = await signedIdentity(identity, await awsKeys(identity), new Date());
        return { header, expires: undefined };
      }
      case "token-file": {
        const { readToken } = await import("./sign-in/provider.ts");
        const token = readToken(identity.tokenFile, "the token");
        return { header: `Bearer ${token}`, expires: claimsOf(token)?.expires };
      }
      case "oidc":
      case "client-credentials":
      case "token-exchange":
        return this.#bearer(identity);
    }
  }

  async #bearer(
    identity: Exclude<Identity, { readonly type: "aws" | "token-file" }>,
  ): Promise<Authorization> {
    if (!this.#held || !isFresh(this.#held, Date.now()))
      this.#held = await fresh(this.context.name, identity);
    const { token, expires } = this.#held;
    return { header: `Bearer ${token}`, expires: expires === undefined ? undefined : Date.parse(expires) };
  }
}

/** A token that can be used now: what is stored, or the next one, which is then stored. */
async function fresh(
  name: string,
  identity: Exclude<Identity, { readonly type: "aws" | "token-file" }>,
): Promise<StoredCredential> {
  const store = await openStore();
  const stored = (): StoredCredential | undefined => {
    const credential = parseStored(store.read(name) ?? "");
    return credential && isOf(credential, identity) ? credential : undefined;
  };
  const now = stored();
  if (now && isFresh(now, Date.now())) return now;
  return withLock(join(portreeveHome(), "locks", `${name}.lock`), async () => {
    // Another process may have renewed it while this one waited; the refresh token it used is of no use any more.
    const held = stored();
    if (held && isFresh(held, Date.now())) return held;
    const next = await obtain(name, identity, held);
    store.write(name, JSON.stringify(next));
    return next;
  });
}

/** @throws CliError when it takes the person to get one */
async function obtain(
  name: string,
  identity: Exclude<Identity, { readonly type: "aws" | "token-file" }>,
  held: StoredCredential | undefined,
): Promise<StoredCredential> {
  if (identity.type !== "oidc") {
    const { machineToken } = await import("./sign-in/machine.ts");
    return machineToken(identity);
  }
  const again = `Run: portreeve login --context ${name}`;
  if (!held) throw new CliError(`you are not signed in to ${identity.issuer}. ${again}`);
  if (held.refreshToken === undefined) {
    throw new CliError(
      `your sign-in ended at ${held.expires}, and ${identity.issuer} gave no refresh token. ${again}`,
    );
  }
  const { renew } = await import("./sign-in/renew.ts");
  return renew(identity, held.refreshToken, name);
}

function isOf(credential: StoredCredential, { issuer, clientId }: ProviderIdentity): boolean {
  return credential.issuer === issuer && credential.clientId === clientId;
}

function isFresh({ expires }: StoredCredential, now: number): boolean {
  return expires === undefined || Date.parse(expires) - MARGIN_MS > now;
}

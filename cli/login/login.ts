import { join } from "node:path";
import { CliError } from "../exit.ts";
import { Authorizer } from "../people/authorization.ts";
import { type Context, saveContext } from "../people/contexts.ts";
import { portreeveHome } from "../people/home.ts";
import { withLock } from "../people/lock.ts";
import { messageOf } from "../people/private-file.ts";
import { listAccess } from "../people/proxy/access.ts";
import type { AccessList } from "../people/proxy/answers.ts";
import { checkTlsFiles } from "../people/proxy/dial.ts";
import { ProxyRefusal, printable } from "../people/proxy/refusal.ts";
import { signInWithCode, type Tell } from "../people/sign-in/authorization-code.ts";
import { hasBrowser } from "../people/sign-in/browser.ts";
import { signInWithDevice } from "../people/sign-in/device-code.ts";
import { machineToken } from "../people/sign-in/machine.ts";
import { discover } from "../people/sign-in/provider.ts";
import { openStore } from "../people/store/store.ts";
import type { StoredCredential } from "../people/store/stored.ts";
import { contextFrom, type LoginOptions } from "./context.ts";

/**
 * Signs in, keeps the credential and the context, and asks the proxy who it takes the caller for.
 *
 * A proxy that cannot be reached is told and is no failure: the sign-in is the provider's. One that refuses is.
 *
 * @returns what was done, a line each
 */
export async function login(options: LoginOptions, tell: Tell): Promise<string[]> {
  const context = contextFrom(options);
  // A mistyped --ca is told at once, not to somebody who has just been through a browser.
  checkTlsFiles(context.proxy);
  const credential = await signIn(context, options, tell);
  if (credential) await keep(context, JSON.stringify(credential));
  const answer = await askProxy(context);
  if (answer.type === "access") {
    const wrong = wrongAgent(context, answer.access);
    if (wrong !== undefined) {
      await keep(context, undefined);
      throw new CliError(wrong);
    }
  }
  await saveContext(context);
  const line = `context: ${context.name}`;
  if (answer.type === "access") return [whoText(answer.access), line];
  // Its own credential is what is wrong: AWS without keys, a token file that is not there, or a proxy that says no.
  if (answer.error instanceof ProxyRefusal || !credential) throw answer.error;
  return [`signed in to the provider; the proxy could not be asked: ${messageOf(answer.error)}`, line];
}

/** Not while another process renews the credential that this one replaces. */
async function keep({ name }: Context, text: string | undefined): Promise<void> {
  const store = await openStore();
  await withLock(join(portreeveHome(), "locks", `${name}.lock`), async () =>
    text === undefined ? store.remove(name) : store.write(name, text),
  );
}

async function signIn(
  { identity }: Context,
  { device, browser }: LoginOptions,
  tell: Tell,
): Promise<StoredCredential | undefined> {
  switch (identity.type) {
    case "aws":
    case "token-file":
      return undefined;
    case "client-credentials":
    case "token-exchange":
      return machineToken(identity);
    case "oidc": {
      const configuration = await discover(identity);
      const offersDevice = configuration.serverMetadata().device_authorization_endpoint !== undefined;
      const byDevice = device ?? (browser === undefined && !hasBrowser() && offersDevice);
      return byDevice
        ? signInWithDevice(configuration, identity, tell)
        : signInWithCode(configuration, identity, browser ?? hasBrowser(), tell);
    }
  }
}

type ProxyAnswer =
  | { readonly type: "access"; readonly access: AccessList }
  | { readonly type: "none"; readonly error: unknown };

async function askProxy(context: Context): Promise<ProxyAnswer> {
  try {
    return { type: "access", access: await listAccess(new Authorizer(context)) };
  } catch (error) {
    return { type: "none", error };
  }
}

/** An agent's sign-in that the proxy takes for another agent, or for the person alone, is not kept. */
function wrongAgent({ identity }: Context, { principal }: AccessList): string | undefined {
  if (identity.type !== "token-exchange" || principal.agent === identity.agent) return undefined;
  const other = principal.agent === undefined ? "no agent" : `the agent ${printable(principal.agent)}`;
  return `login: the proxy takes this token for ${other}, not for ${identity.agent}: compare the token's act.sub with the Agent's identity.subject`;
}

function whoText({ principal, services }: AccessList): string {
  const { agent, user, awsRole, workload } = principal;
  const who = [agent, user ?? awsRole, workload].filter((one) => one !== undefined);
  const names = who.length === 0 ? "somebody without a name" : who.map(printable).join(" for ");
  const count = `${services.length} ${services.length === 1 ? "service" : "services"}`;
  return `signed in as ${names}; ${count} may be reached (portreeve ls)`;
}

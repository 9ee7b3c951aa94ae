import { EXIT } from "../exit.ts";
import { columns } from "../format/columns.ts";
import { Authorizer } from "../people/authorization.ts";
import { type Context, chooseContext, type Identity } from "../people/contexts.ts";
import { messageOf } from "../people/private-file.ts";
import { listAccess } from "../people/proxy/access.ts";
import type { AccessList } from "../people/proxy/answers.ts";
import { ProxyRefusal, printable } from "../people/proxy/refusal.ts";
import { openStore } from "../people/store/store.ts";

/** Everything that `portreeve status` knows. */
export interface Status {
  readonly context: string;
  readonly proxy: string;
  readonly provider: string;
  readonly signedIn: boolean;
  /** When the credential ends and is renewed; null where it has no end of its own. */
  readonly credentialUntil: string | null;
  readonly reachable: boolean;
  /** The proxy answered, and lets this caller do nothing. */
  readonly refused: boolean;
  /** As the proxy sees the caller; null when it could not be asked. */
  readonly principal: AccessList["principal"] | null;
  readonly services: number | null;
  readonly policy: AccessList["policy"] | null;
  readonly store: string;
  /** What keeps it from working; null when nothing does. */
  readonly problem: string | null;
}

/** Asks the provider for a fresh credential where one is due, and the proxy who it belongs to. */
export async function currentStatus(contextName: string | undefined): Promise<Status> {
  const context = chooseContext(contextName);
  const authorizer = new Authorizer(context);
  const base = await described(context);
  let credentialUntil: string | null = null;
  try {
    const { expires } = await authorizer.get();
    credentialUntil = expires === undefined ? null : new Date(expires).toISOString();
  } catch (error) {
    return { ...base, signedIn: false, credentialUntil, ...UNKNOWN, problem: messageOf(error) };
  }
  try {
    const { principal, services, policy } = await listAccess(authorizer);
    return {
      ...base,
      signedIn: true,
      credentialUntil,
      reachable: true,
      refused: false,
      principal,
      services: services.length,
      policy: policy ?? null,
      problem: null,
    };
  } catch (error) {
    const refused = error instanceof ProxyRefusal;
    return { ...base, signedIn: true, credentialUntil, ...UNKNOWN, refused, problem: messageOf(error) };
  }
}

const UNKNOWN = { reachable: false, refused: false, principal: null, services: null, policy: null } as const;

async function described({
  name,
  proxy,
  identity,
}: Context): Promise<Pick<Status, "context" | "proxy" | "provider" | "store">> {
  const kept = identity.type !== "aws" && identity.type !== "token-file";
  return {
    context: name,
    proxy: proxy.address,
    provider: providerText(identity),
    store: kept ? (await openStore()).what : "nothing is kept",
  };
}

function providerText(identity: Identity): string {
  switch (identity.type) {
    case "oidc":
      return identity.issuer;
    case "client-credentials":
      return `${identity.issuer} (client ${identity.clientId})`;
    case "token-exchange":
      return `${identity.issuer} (agent ${identity.agent})`;
    case "token-file":
      return `the token in ${identity.tokenFile}`;
    case "aws":
      return `AWS IAM in ${identity.region}`;
  }
}

/** The status for a terminal. */
export function statusText(status: Status): string {
  const { principal, policy } = status;
  const rows: (readonly [string, string])[] = [
    ["context", status.context],
    ["provider", status.provider],
    ["signed in", status.signedIn ? "yes" : "no"],
    ["credential", status.credentialUntil === null ? "-" : `until ${status.credentialUntil}`],
    ["kept in", status.store],
    ["proxy", `${status.proxy}, ${proxyText(status)}`],
  ];
  if (principal) {
    const { user, awsRole, agent, workload, groups = [] } = principal;
    if (user !== undefined) rows.push(["user", printable(user)]);
    if (awsRole !== undefined) rows.push(["AWS role", printable(awsRole)]);
    if (agent !== undefined) rows.push(["agent", printable(agent)]);
    if (workload !== undefined) rows.push(["workload", printable(workload)]);
    rows.push(["groups", groups.length === 0 ? "none" : groups.map(printable).join(", ")]);
    rows.push([
      "may reach",
      `${status.services} ${status.services === 1 ? "service" : "services"} (portreeve ls)`,
    ]);
  }
  if (policy?.commit !== undefined || policy?.digest !== undefined) {
    rows.push(["policy", printable(policy.commit ?? policy.digest ?? "")]);
  }
  const problem = status.problem === null ? [] : ["", status.problem];
  return `${[...columns(rows), ...problem].join("\n")}\n`;
}

function proxyText({ signedIn, reachable, refused }: Status): string {
  if (reachable) return "answers";
  if (!signedIn) return "not asked";
  return refused ? "answers, and refuses" : "not reached";
}

/** 0 when the proxy accepts the caller, else 1. */
export function statusExit({ signedIn, reachable }: Status): number {
  return signedIn && reachable ? EXIT.ok : EXIT.found;
}

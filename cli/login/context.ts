import { resolve } from "node:path";
import { CliError } from "../exit.ts";
import {
  type Context,
  type Contexts,
  checkContext,
  type Identity,
  readContexts,
} from "../people/contexts.ts";

/** Options of `portreeve login`, as commander gives them. */
export interface LoginOptions {
  readonly context?: string;
  readonly proxy?: string;
  readonly ca?: string;
  readonly serverName?: string;
  readonly spiffeId?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope?: readonly string[];
  readonly resource?: string;
  readonly audience?: string;
  readonly present?: string;
  readonly browser?: boolean;
  readonly device?: true;
  readonly clientCredentials?: true;
  readonly clientSecretFile?: string;
  readonly clientSecretEnv?: string;
  readonly tokenFile?: string;
  readonly agent?: string;
  readonly subjectTokenFile?: string;
  readonly actorTokenFile?: string;
  readonly aws?: true;
  readonly region?: string;
  readonly profile?: string;
}

/**
 * The context that the options mean: the one of that name with what they change, or a new one.
 *
 * @throws CliError when something is missing, or two ways to sign in are asked for
 */
export function contextFrom(options: LoginOptions): Context {
  const all = readContexts();
  const name = nameOf(options, all);
  const before = all.contexts.find((one) => one.name === name);
  const proxy = { ...before?.proxy, ...proxyPart(options) };
  if (proxy.address === undefined) {
    throw new CliError("login: which proxy? Give --proxy HOST:PORT (asked once; the context keeps it)");
  }
  return checkContext({ name, proxy, identity: identityFrom(options, before?.identity) });
}

function nameOf({ context, agent }: LoginOptions, { current, contexts }: Contexts): string {
  // An agent's sign-in never takes the place of its person's.
  return context ?? agent ?? current ?? contexts[0]?.name ?? "default";
}

function proxyPart({ proxy, ca, serverName, spiffeId, cert, key }: LoginOptions): Record<string, unknown> {
  if ((cert === undefined) !== (key === undefined)) throw new CliError("login: --cert and --key go together");
  return defined({
    address: proxy,
    ca: pathOf(ca),
    serverName,
    spiffeId,
    certificate:
      cert === undefined || key === undefined ? undefined : { cert: resolve(cert), key: resolve(key) },
  });
}

function identityFrom(options: LoginOptions, before: Identity | undefined): Record<string, unknown> {
  const type = typeOf(options, before);
  const same = before?.type === type ? before : undefined;
  switch (type) {
    case "aws": {
      const around = process.env["AWS_REGION"] || process.env["AWS_DEFAULT_REGION"];
      const region = options.region ?? (same && "region" in same ? same.region : undefined) ?? around;
      if (!region) throw new CliError("login: which AWS region? Give --region, or set AWS_REGION");
      return { ...same, type, region, ...defined({ audience: options.audience, profile: options.profile }) };
    }
    case "token-file":
      return { ...same, type, ...defined({ tokenFile: pathOf(options.tokenFile) }) };
    case "oidc":
    case "client-credentials":
      return { ...same, type, ...providerPart(options) };
    case "token-exchange":
      return {
        ...same,
        type,
        ...providerPart(options),
        ...defined({
          agent: options.agent,
          subjectTokenFile: pathOf(options.subjectTokenFile),
          actorTokenFile: pathOf(options.actorTokenFile),
        }),
      };
  }
}

/** Exactly one way to sign in: the one that the options name, else the one that the context has. */
function typeOf(options: LoginOptions, before: Identity | undefined): Identity["type"] {
  const ways: (readonly [string, Identity["type"]])[] = [];
  if (options.aws) ways.push(["--aws", "aws"]);
  if (options.tokenFile !== undefined) ways.push(["--token-file", "token-file"]);
  if (options.clientCredentials) ways.push(["--client-credentials", "client-credentials"]);
  if (options.agent !== undefined) ways.push(["--agent", "token-exchange"]);
  if (options.device) ways.push(["--device", "oidc"]);
  if (options.browser !== undefined) ways.push([options.browser ? "--browser" : "--no-browser", "oidc"]);
  const [first, second] = ways;
  if (first && second) throw new CliError(`login: ${first[0]} and ${second[0]} exclude each other`);
  const type = first?.[1] ?? before?.type ?? "oidc";
  if (
    type === "token-exchange" &&
    options.agent !== undefined &&
    options.subjectTokenFile === undefined &&
    !before
  ) {
    throw new CliError("login: --agent needs the person's token: --subject-token-file FILE");
  }
  const same = before?.type === type ? before : undefined;
  if (
    (type === "oidc" || type === "client-credentials" || type === "token-exchange") &&
    !hasProvider(options, same)
  ) {
    throw new CliError(
      "login: which provider? Give --issuer URL and --client-id ID, or --aws, or --token-file FILE",
    );
  }
  return type;
}

function hasProvider({ issuer, clientId }: LoginOptions, before: Identity | undefined): boolean {
  const known = before !== undefined && "issuer" in before;
  return (issuer !== undefined || known) && (clientId !== undefined || known);
}

function providerPart(options: LoginOptions): Record<string, unknown> {
  return defined({
    issuer: options.issuer,
    clientId: options.clientId,
    scopes: options.scope,
    resource: options.resource,
    audience: options.audience,
    present: options.present,
    secretFile: pathOf(options.clientSecretFile),
    secretEnv: options.clientSecretEnv,
  });
}

/** What is given, without what is not. */
function defined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Absolute: the context is used from any directory. */
function pathOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

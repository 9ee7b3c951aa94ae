import { join } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { CliError } from "../exit.ts";
import { portreeveHome } from "./home.ts";
import { withLock } from "./lock.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

const text = z.string().min(1);

/** A client secret is never in the file itself: the file is for reading, and for copying to a colleague. */
const secret = {
  /** File with the client's secret. */
  secretFile: text.optional(),
  /** Environment variable with the client's secret. */
  secretEnv: text.optional(),
};

const issuer = z
  .string()
  .regex(
    /^https:\/\/|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/,
    "an OIDC issuer starts with https:// (http:// only on loopback)",
  );

const provider = {
  issuer,
  clientId: text,
  /** @default of openid, profile, email, groups and offline_access those that the provider has */
  scopes: z.array(text).optional(),
  /** Whom the token is for, where the provider is asked by RFC 8707 (`resource`). */
  resource: text.optional(),
  /** The same, where the provider has `audience` for it. */
  audience: text.optional(),
  /** Which of the two tokens the proxy is shown. @default access-token */
  present: z.enum(["access-token", "id-token"]).default("access-token"),
  ...secret,
};

const identity = z.discriminatedUnion("type", [
  /** A person, by authorization code or device code. */
  z.strictObject({ type: z.literal("oidc"), ...provider }),
  /** A script or agent that is a client of the provider itself. */
  z.strictObject({ type: z.literal("client-credentials"), ...provider }),
  /** A file that something else keeps fresh: a projected service account token, a CI job's token. */
  z.strictObject({ type: z.literal("token-file"), tokenFile: text }),
  /** An agent for a person: the provider exchanges both tokens for one that names both (RFC 8693). */
  z.strictObject({
    type: z.literal("token-exchange"),
    ...provider,
    /** The Agent's name in the policies. */
    agent: text,
    /** The person's token. */
    subjectTokenFile: text,
    /** The agent's own token. @default none: the client itself is the agent */
    actorTokenFile: text.optional(),
  }),
  /** An IAM role, by a signed GetCallerIdentity request. */
  z.strictObject({
    type: z.literal("aws"),
    region: text,
    /** Audience that the proxy wants in the signed header `x-portreeve-audience`. */
    audience: text.default("portreeve"),
    /** Profile of the AWS configuration. @default AWS_PROFILE, as in every AWS tool */
    profile: text.optional(),
  }),
]);

const proxy = z.strictObject({
  /** `host:port` of the shared port. */
  address: z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):\d{1,5}$/, "write host:port"),
  /** PEM file with the authorities that the proxy's certificate must chain to. @default those of the system */
  ca: text.optional(),
  /** DNS name that the certificate must have. @default the host of `address` */
  serverName: text.optional(),
  /** SPIFFE ID that the certificate must have, in the place of a DNS name. */
  spiffeId: z
    .string()
    .regex(/^spiffe:\/\/[^/]+\/.+$/, "write spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/NAME")
    .optional(),
  /** This machine's own certificate: the workload that people come through is a member of the chain. */
  certificate: z.strictObject({ cert: text, key: text }).optional(),
});

const context = z.strictObject({ name: text, proxy, identity });

const file = z.strictObject({ current: text.optional(), contexts: z.array(context).default([]) });

/** One proxy, and how to be somebody there. */
export type Context = z.output<typeof context>;
export type ProxyTarget = Context["proxy"];
export type Identity = Context["identity"];
/** The identities that an OIDC provider gives tokens for. */
export type ProviderIdentity = Extract<Identity, { readonly clientId: string }>;
export type Contexts = z.output<typeof file>;

export const CONTEXT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const pathOf = (): string => join(portreeveHome(), "config.yaml");

/**
 * The contexts of this user; none when there is no file yet.
 *
 * @throws CliError when the file is not what `portreeve login` writes, or others can change it
 */
export function readContexts(): Contexts {
  const path = pathOf();
  const written = readPrivateFile(path, "trusted");
  if (written === undefined) return { contexts: [] };
  let value: unknown;
  try {
    value = parse(written) ?? {};
  } catch (cause) {
    throw new CliError(`${path} is not YAML: ${cause instanceof Error ? cause.message : cause}`, undefined, {
      cause,
    });
  }
  const parsed = file.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError(
    `${path}: ${issuesOf(parsed.error)}\nMend it, or remove the context and run portreeve login.`,
  );
}

/** A context as it is checked when it is read. @throws CliError when it cannot be one */
export function checkContext(value: unknown): Context {
  const parsed = context.safeParse(value);
  if (!parsed.success) throw new CliError(`login: ${issuesOf(parsed.error)}`);
  if (!CONTEXT_NAME.test(parsed.data.name)) {
    throw new CliError(
      `login: --context "${parsed.data.name}": use letters, digits, '.', '_' and '-', 63 at most`,
    );
  }
  return parsed.data;
}

function issuesOf(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

/** Adds or replaces a context and makes it the current one; an agent's only where its person has none. */
export function saveContext(added: Context): Promise<void> {
  return change(({ current, contexts }) => {
    const stays = added.identity.type === "token-exchange" ? current : undefined;
    return {
      current: stays ?? added.name,
      contexts: [...contexts.filter(({ name }) => name !== added.name), added],
    };
  });
}

/** Removes a context. */
export function forgetContext(name: string): Promise<void> {
  return change(({ current, contexts }) => {
    const rest = contexts.filter((one) => one.name !== name);
    return { ...(current === undefined || current === name ? {} : { current }), contexts: rest };
  });
}

/** Two that sign in at the same time would each write what they had read, and one would lose its context. */
async function change(by: (all: Contexts) => Contexts): Promise<void> {
  await withLock(`${pathOf()}.lock`, async () => writeContexts(by(readContexts())));
}

function writeContexts(all: Contexts): void {
  writePrivateFile(pathOf(), stringify(all));
}

/**
 * The context asked for, else `$PORTREEVE_CONTEXT`, else the current one, else the only one.
 *
 * @throws CliError that says how to come by one
 */
export function chooseContext(asked: string | undefined): Context {
  const { current, contexts } = readContexts();
  const name = asked ?? (process.env["PORTREEVE_CONTEXT"] || current);
  if (name === undefined) {
    const [only] = contexts;
    if (only !== undefined && contexts.length === 1) return only;
    throw new CliError(
      contexts.length === 0
        ? "not signed in. Run: portreeve login --proxy HOST:PORT --issuer URL --client-id ID"
        : `which context? Give --context: ${contexts.map((one) => one.name).join(", ")}`,
    );
  }
  const found = contexts.find((one) => one.name === name);
  if (found) return found;
  const known = contexts.map((one) => one.name).join(", ");
  throw new CliError(`there is no context "${name}"${known === "" ? "" : `; there is ${known}`}`);
}

import { z } from "zod";
import { formatPath, parseSecurityPolicy } from "../../policy/istio/authorization/parse.ts";
import type { PolicySet, TcpConnection } from "../../policy/istio/authorization/types.ts";
import type { ExtensionProvider, SecurityPolicy } from "../../policy/istio/objects.ts";

/** One line of a case file: a connection, and what decides about it. */
export interface DecideCase {
  readonly id: string | number;
  readonly policies: PolicySet;
  readonly connection: TcpConnection;
}

export type CaseLine = { readonly case: DecideCase } | { readonly problems: readonly string[] };

const text = z.string().nullish();
const authorizer = z
  .object({ service: text, port: z.number().nullish(), failOpen: z.boolean().nullish() })
  .nullish();

const caseShape = z.object({
  id: z.union([z.string(), z.number()]),
  dataplane: z.enum(["sidecar", "ztunnel"]),
  policies: z.array(z.unknown()),
  workload: z.object({
    namespace: z.string().min(1),
    labels: z.record(z.string(), z.string()).nullish(),
    trustDomain: text,
    trustDomainAliases: z.array(z.string()).nullish(),
    rootNamespace: text,
  }),
  connection: z.object({
    source: z.object({ ip: z.string(), principal: text, remoteIp: text }),
    destination: z.object({ ip: z.string(), port: z.int().min(1).max(65535) }),
    sni: text,
  }),
  mesh: z
    .object({
      extensionProviders: z
        .array(z.object({ name: z.string(), envoyExtAuthzGrpc: authorizer, envoyExtAuthzHttp: authorizer }))
        .nullish(),
    })
    .nullish(),
});

/** Reads one line; every problem of it is told. */
export function readCaseLine(line: string): CaseLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return { problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const read = caseShape.safeParse(value);
  if (!read.success) {
    return { problems: read.error.issues.map(({ path, message }) => located(formatPath(path), message)) };
  }
  const policies: SecurityPolicy[] = [];
  const problems: string[] = [];
  for (const [index, object] of read.data.policies.entries()) {
    if (isRequestAuthentication(object)) continue;
    const parsed = parseSecurityPolicy(object);
    if ("policy" in parsed) policies.push(parsed.policy);
    else
      problems.push(...parsed.problems.map((problem) => located(join(index, problem.path), problem.message)));
  }
  if (problems.length > 0) return { problems };
  return { case: toCase(read.data, policies) };
}

function located(path: string, message: string): string {
  return path === "" ? message : `${path}: ${message}`;
}

function join(index: number, path: string): string {
  return path === "" ? `policies[${index}]` : `policies[${index}].${path}`;
}

/** It is about tokens in HTTP requests: valid among the policies, without a part in a TCP verdict. */
function isRequestAuthentication(object: unknown): boolean {
  return (
    typeof object === "object" &&
    object !== null &&
    "kind" in object &&
    object.kind === "RequestAuthentication"
  );
}

function toCase(line: z.infer<typeof caseShape>, policies: readonly SecurityPolicy[]): DecideCase {
  const { workload, connection, mesh } = line;
  const { source, destination, sni } = connection;
  return {
    id: line.id,
    policies: {
      dataplane: line.dataplane,
      policies,
      workload: {
        namespace: workload.namespace,
        labels: workload.labels ?? {},
        ...given("trustDomain", workload.trustDomain),
        trustDomainAliases: workload.trustDomainAliases ?? [],
        ...given("rootNamespace", workload.rootNamespace),
      },
      mesh: { extensionProviders: (mesh?.extensionProviders ?? []).map(toProvider) },
    },
    connection: {
      source: {
        ip: source.ip,
        principal: source.principal ? source.principal.replace(/^spiffe:\/\//, "") : null,
        ...given("remoteIp", source.remoteIp),
      },
      destination,
      ...given("sni", sni),
    },
  };
}

type ProviderShape = NonNullable<
  NonNullable<NonNullable<z.infer<typeof caseShape>["mesh"]>["extensionProviders"]>
>[number];

function toProvider({ name, envoyExtAuthzGrpc, envoyExtAuthzHttp }: ProviderShape): ExtensionProvider {
  return {
    name,
    ...given("envoyExtAuthzGrpc", toAuthorizer(envoyExtAuthzGrpc)),
    ...given("envoyExtAuthzHttp", toAuthorizer(envoyExtAuthzHttp)),
  };
}

function toAuthorizer(shape: z.infer<typeof authorizer>): ExtensionProvider["envoyExtAuthzGrpc"] {
  if (shape === null || shape === undefined) return undefined;
  return {
    ...given("service", shape.service),
    ...given("port", shape.port),
    ...given("failOpen", shape.failOpen),
  };
}

/** A field only where there is a value: no `undefined`, no `null`, and an empty text counts as none. */
function given<K extends string, V>(key: K, value: V | null | undefined): { [P in K]?: V } {
  return value === null || value === undefined || value === "" ? {} : ({ [key]: value } as { [P in K]: V });
}

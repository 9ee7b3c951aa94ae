import type { Finding } from "../../finding.ts";
import { proxyRole, workloadRole } from "../../plan/aws-role.ts";
import { openUsers, proxyLogsIn, serviceUsers } from "../../plan/proxy-login.ts";
import { admits } from "./admission.ts";
import { broken, type ChainInput, type ChainLink, link, refused } from "./chain-link.ts";
import { evaluate } from "./evaluate.ts";
import { IamTextError, type ReadStatement, readIamDocument } from "./iam-text.ts";
import { permissionsOf } from "./permission.ts";
import { associationBreak, holderAccountRole, trustBreak } from "./role.ts";

/** Longest value of a session tag; Roles Anywhere hands the SPIFFE ID over in one. */
const MAX_SESSION_TAG = 256;

export function serviceAccountLink({ context, cluster, workload }: ChainInput): ChainLink {
  const what = `${workload.namespace}/${workload.serviceAccount} in cluster ${cluster.name}`;
  if (!workload.clusters.includes(cluster.name)) {
    return broken(
      "service account",
      what,
      `${workload.id} does not run in cluster ${cluster.name}`,
      `add ${cluster.name} to its \`clusters\``,
      workload.position,
    );
  }
  const role = workloadRole(cluster, workload)?.arn;
  const twin = context.byIdentity
    .get(workload.spiffeId)
    ?.find((other) => other.id !== workload.id && workloadRole(cluster, other)?.arn !== role);
  if (twin) {
    return broken(
      "service account",
      what,
      `${workload.id} and ${twin.id} are one service account with two roles`,
      "make them one Workload, or give them a service account each",
      workload.position,
    );
  }
  return link("service account", "holds", what);
}

export function spiffeIdLink({ workload }: ChainInput): ChainLink {
  const { spiffeId, spec } = workload;
  if (spec.aws?.mode === "roles-anywhere" && spiffeId.length > MAX_SESSION_TAG) {
    return broken(
      "SPIFFE ID",
      spiffeId,
      `it has ${spiffeId.length} characters, and Roles Anywhere hands it over in a session tag of at most ${MAX_SESSION_TAG}`,
      "shorten the trust domain, the namespace or the service account",
      workload.position,
    );
  }
  return link("SPIFFE ID", "holds", spiffeId);
}

export function associationLink(input: ChainInput): ChainLink {
  const { cluster, workload, index, findings } = input;
  const { aws } = workload.spec;
  switch (aws?.mode) {
    case undefined:
      return link("association", "not needed", "the workload has no AWS role");
    case "irsa":
      return link(
        "association",
        "not needed",
        "IRSA: an annotation of the service account names the role, its trust decides",
      );
    case "roles-anywhere": {
      const role = workloadRole(cluster, workload);
      const name = role?.name ?? `${workload.namespace}-${workload.name}`;
      const made = index.keys.has(`rolesanywhere.Profile/${name}`);
      return link("association", made ? "holds" : "not known", "Roles Anywhere profile");
    }
    case "pod-identity": {
      const what = `Pod Identity association in ${cluster.eks?.name ?? cluster.name}`;
      const gap = associationBreak(cluster, workload, aws, workloadRole(cluster, workload));
      if (gap) return broken("association", what, gap.message, gap.fix, workload.position);
      const twice = about(findings, `Workload/${workload.id}`, "PR602", "PR615");
      return twice ? refused("association", what, twice) : link("association", "holds", what);
    }
  }
}

export function trustLink({ cluster, workload, index, findings }: ChainInput): ChainLink {
  const { aws } = workload.spec;
  if (!aws) return link("trust", "not needed", "the workload has no AWS role");
  const role = workloadRole(cluster, workload);
  const what = role?.arn ?? "no role";
  const gap = trustBreak(cluster, workload, aws, role);
  if (gap) return broken("trust", what, gap.message, gap.fix, workload.position);
  const bad = about(findings, `Workload/${workload.id}`, "PR607", "PR608", "PR609", "PR613");
  if (bad) return refused("trust", what, bad);
  const document = aws.roleArn === undefined ? index.trusts.get(what) : aws.existing?.trust;
  if (document === undefined) return link("trust", "not known", `${what}: its trust is managed elsewhere`);
  const read = readable(document);
  if (typeof read === "string")
    return broken("trust", what, read, "write the document as IAM gives it", workload.position);
  const { answer, refused: call } = admits(read, cluster, workload);
  if (answer === "no") {
    return broken(
      "trust",
      what,
      `the role's trust refuses ${call?.action} to ${workload.namespace}/${workload.serviceAccount}`,
      `let ${call?.principal?.value} take the role for this service account, or leave \`roleArn\` out and have a role made`,
      workload.position,
    );
  }
  return link("trust", answer === "yes" ? "holds" : "not known", what);
}

function readable(document: unknown): ReadStatement[] | string {
  try {
    return readIamDocument(document);
  } catch (error) {
    if (error instanceof IamTextError) return error.message;
    throw error;
  }
}

export function permissionLink(input: ChainInput): ChainLink {
  const { cluster, model, workload, service, index, findings, granted } = input;
  const bad =
    about(findings, `Service/${service.name}`, "PR601", "PR603", "PR607") ??
    about(findings, `Workload/${workload.id}`, "PR606") ??
    findings.find(
      ({ rule, object, message }) =>
        rule === "PR612" &&
        object === `Workload/${workload.id}` &&
        message.includes(` granted ${service.name} `),
    );
  const { client, proxy } = permissionsOf(cluster, service, [], usersFor(input));
  const byProxy = proxyLogsIn(service);
  const needed = byProxy ? proxy : client;
  const what = needed.flatMap(({ Action }) => Action).join(", ") || "none";
  if (bad) return refused("permission", what, bad);
  if (needed.length === 0) return link("permission", "not needed", "the service asks for no IAM permission");
  const role = byProxy ? proxyRole(cluster, model.trust)?.arn : holderAccountRole(cluster, workload, service);
  if (role === undefined) {
    return broken(
      "permission",
      what,
      `${workload.id} has no AWS role that could hold it`,
      "give the Workload an `aws` block",
      workload.position,
    );
  }
  const statements = index.statements(role);
  const calls = needed.flatMap(({ Action, Resource = [] }) =>
    Action.flatMap((action) => Resource.map((resource) => ({ action, resource, context: {} }))),
  );
  const missing = calls.find((call) => evaluate(statements, call) === "no");
  if (missing && !granted) return link("permission", "not needed", `${what}: no grant asks for it`);
  if (missing) {
    return broken(
      "permission",
      what,
      `${role} has no permission for ${missing.action} on ${missing.resource}`,
      "correct the other findings about the Workload and the Service, from which the permission is missing",
      service.position,
    );
  }
  return link("permission", "holds", `${what}, held by ${role}`);
}

/** As whom the proxy logs in for the workload; for one without a grant, everybody that it could be. */
function usersFor({ model, workload, service }: ChainInput): readonly string[] {
  const own = model.rules.filter(
    ({ service: name, subjects }) =>
      name === service.name &&
      (subjects.workloads.includes(workload.spiffeId) ||
        subjects.namespaces.some(({ namespace }) => namespace === workload.namespace)),
  );
  const users = openUsers(service, own);
  return users.length > 0 ? users : serviceUsers(service);
}

export function securityGroupLink({ cluster, service, index, findings, granted }: ChainInput): ChainLink {
  const group = service.spec.aws?.securityGroup;
  if (group === undefined) return link("security group", "not known", "the service names none");
  const bad = about(findings, `Service/${service.name}`, "PR604", "PR605");
  const what = `${group} from ${cluster.eks?.nodeSecurityGroup ?? "an unknown group"}`;
  if (bad) return refused("security group", what, bad);
  const open = index.openPorts.get(group);
  const closed = service.ports.find(({ targetPort }) => !open?.has(targetPort));
  if (!closed) return link("security group", "holds", what);
  if (!granted) return link("security group", "not needed", `${what}: no grant asks for it`);
  return broken(
    "security group",
    what,
    `no rule opens port ${closed.targetPort} of ${group}`,
    "correct the other findings about the Service, from which the rule is missing",
    service.position,
  );
}

function about(findings: readonly Finding[], object: string, ...rules: string[]): Finding | undefined {
  return findings.find((finding) => finding.object === object && rules.includes(finding.rule));
}

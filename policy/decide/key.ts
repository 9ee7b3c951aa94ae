/** Keys of the index. A SPIFFE ID is its own key; the other kinds carry a prefix that no SPIFFE ID starts with. */
export const userKey = (user: string): string => `user:${user}`;
export const groupKey = (group: string): string => `idpgroup:${group}`;
export const roleKey = (arn: string): string => `awsrole:${roleWithoutPath(arn)}`;
export const agentKey = (agent: string): string => `agent:${agent}`;
export const namespaceKey = (trustDomain: string, namespace: string): string =>
  `ns:${trustDomain}/${namespace}`;

const SCHEME = "spiffe://";

/** The trust domain and path of a SPIFFE ID; undefined for anything else. */
export function splitSpiffeId(id: string): { trustDomain: string; path: string } | undefined {
  if (!id.startsWith(SCHEME)) return undefined;
  const slash = id.indexOf("/", SCHEME.length);
  if (slash < 0) return undefined;
  return { trustDomain: id.slice(SCHEME.length, slash), path: id.slice(slash) };
}

/** The namespace in Istio's path shape `/ns/NAMESPACE/sa/ACCOUNT`; undefined for another shape. */
export function namespaceOfPath(path: string): string | undefined {
  const parts = path.split("/");
  return parts.length === 5 && parts[1] === "ns" && parts[3] === "sa" && parts[2] && parts[4]
    ? parts[2]
    : undefined;
}

/**
 * The ARN of a session (`assumed-role/NAME/SESSION`), which is all that STS tells, has no path of the role; and within an
 * account IAM allows a role's name once, whatever its path. So the path of the ARN that a policy gives does not count: `…:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_dba_0123` is known by its name.
 */
export function roleWithoutPath(arn: string): string {
  return arn.replace(/^(arn:[^:]+:iam::\d+:role)\/.*\/([^/]+)$/, "$1/$2");
}

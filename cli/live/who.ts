/** Names of one client, as far as they are known. */
export interface Names {
  /** SPIFFE ID. */
  readonly workload?: string | undefined;
  readonly user?: string | undefined;
  readonly role?: string | undefined;
  readonly agent?: string | undefined;
  /** Address and port. */
  readonly source?: string | undefined;
}

/** Who it is in a word or two: the innermost name, for whom, and where from when nothing is known. */
export function whoOf({ workload, user, role, agent, source }: Names): string {
  const person = user ?? role;
  const through = workload === undefined ? "" : ` via ${workloadName(workload)}`;
  if (agent !== undefined) return person === undefined ? `agent:${agent}` : `agent:${agent} for ${person}`;
  if (person !== undefined) return `${person}${through}`;
  return workload === undefined ? (source ?? "-") : workloadName(workload);
}

/** `namespace/account` of an Istio SPIFFE ID; another one whole. */
function workloadName(spiffeId: string): string {
  const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffeId) ?? [];
  return namespace === undefined || account === undefined ? spiffeId : `${namespace}/${account}`;
}

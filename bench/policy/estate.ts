import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Documents a file: about 1 MiB, as a repository with a file for each team would have. */
const DOCUMENTS_PER_FILE = 4_000;
/** Services, and workloads, a namespace. */
const PER_NAMESPACE = 20;
/** Workloads a group: a team does not grow with the estate. */
const PER_GROUP = 20;

export interface Estate {
  readonly services: number;
  readonly grants: number;
  readonly documents: number;
  readonly bytes: number;
}

/**
 * Writes an estate as YAML: for each service a workload and `grantsEach` grants; a third of the services are external, the
 * rest in the mesh; one grant in twenty is a deny, one in ten for a group of people.
 */
export function writeEstate(folder: string, services: number, grantsEach: number): Estate {
  mkdirSync(folder, { recursive: true });
  const documents = [trust(), ...groups(Math.ceil(services / PER_GROUP))];
  for (let index = 0; index < services; index++) {
    documents.push(service(index), workload(index));
    for (let grant = 0; grant < grantsEach; grant++) documents.push(grantText(index, grant, services));
  }
  let bytes = 0;
  for (let start = 0; start < documents.length; start += DOCUMENTS_PER_FILE) {
    const text = documents.slice(start, start + DOCUMENTS_PER_FILE).join("---\n");
    bytes += Buffer.byteLength(text);
    writeFileSync(join(folder, `policies-${String(start / DOCUMENTS_PER_FILE).padStart(4, "0")}.yaml`), text);
  }
  return { services, grants: services * grantsEach, documents: documents.length, bytes };
}

const head = (kind: string, metadata: string) =>
  `apiVersion: portreeve.dev/v1\nkind: ${kind}\nmetadata: ${metadata}\n`;
export const namespaceOf = (index: number): string => `team-${Math.floor(index / PER_NAMESPACE)}`;

function trust(): string {
  return `${head("Trust", "{ name: estate }")}spec:
  trustDomain: prod.example.com
  clusters:
    - { name: use1, dataPlane: sidecar, istioVersion: "1.31", addressing: { mode: vips, range: 240.0.0.0/8 } }
  identityProviders:
    oidc: [{ name: okta, issuer: "https://okta.example.com", audiences: [portreeve] }]
  proxy: { shards: 20 }
`;
}

function groups(count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) =>
      `${head("Group", `{ name: group-${index} }`)}spec:\n  members: { idpGroups: ["okta:group-${index}"] }\n`,
  );
}

function service(index: number): string {
  const location =
    index % 3 === 0
      ? `  hosts: [db-${index}.example.com]\n  location: { type: external }\n`
      : `  location:\n    type: mesh\n    namespace: ${namespaceOf(index)}\n    selector: { app: service-${index} }\n    serviceAccount: workload-${index}\n`;
  return `${head("Service", `\n  name: service-${index}\n  labels: { tier: "${index % 3}" }`)}spec:
  protocol: postgres
  ports: [5432]
${location}  owner: team-${index % 50}
`;
}

function workload(index: number): string {
  return `${head("Workload", `{ name: workload-${index}, namespace: ${namespaceOf(index)} }`)}spec:
  selector: { app: service-${index} }
  groups: [group-${Math.floor(index / PER_GROUP)}]
`;
}

function grantText(index: number, grant: number, services: number): string {
  const other = (index + grant * 7 + 1) % services;
  const from =
    grant === 9
      ? `groups: [group-${Math.floor(other / PER_GROUP)}]`
      : `workloads: [${namespaceOf(other)}/workload-${other}]`;
  const deny = grant === 8 && index % 2 === 0 ? "  action: deny\n" : "";
  // Every group also holds workloads, which go to the mesh: a grant for people states the proxy.
  const via = grant === 9 && deny === "" ? "  via: proxy\n" : "";
  return `# ${namespaceOf(other)} needs service-${index}
${head("Grant", `\n  name: grant-${index}-${grant}`)}spec:
${deny}${via}  from:
    ${from}
  to: { service: service-${index} }
  owner: team-${other % 50}
  ticket: "ACCESS-${index * 10 + grant}"
`;
}

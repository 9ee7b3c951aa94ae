import ipaddr from "ipaddr.js";
import { PolicyError } from "../../policy/finding.ts";
import {
  type Outcome,
  type Routed,
  type RoutingOptions,
  type RoutingWorld,
  readRouting,
  resolveName,
  routeConnection,
  routeFromOutside,
  worstOf,
} from "../../policy/istio/routing/index.ts";
import type { PolicyFile } from "../../policy/load/files.ts";
import { didYouMean } from "../../policy/load/suggest.ts";
import { CliError, EXIT } from "../exit.ts";
import { parseManifests } from "../io/manifests.ts";
import { routedText } from "./mesh-text.ts";
import type { Answer } from "./person.ts";

/** A question about ordinary Kubernetes and Istio objects. */
export interface MeshQuestion {
  /** `shop/api`: a workload, or a service account; `outside` or an address at a gateway. */
  readonly from: string;
  /** `gateway:shop/edge:5432`, `orders-db:5432`, `db.example.com:5432`, `10.0.0.7:5432`; the port may be left out when there is one. */
  readonly to: string;
  readonly ip?: string | undefined;
  readonly sni?: string | undefined;
}

/**
 * Answers for one connection in the mesh that these files describe.
 *
 * @throws CliError for a question that the objects have no answer to, PolicyError when they cannot be read.
 */
export function decideInMesh(
  files: readonly PolicyFile[],
  question: MeshQuestion,
  options: RoutingOptions,
  json: boolean,
): Answer {
  const manifests = parseManifests(files);
  const world = readRouting(manifests.objects, (path) => manifests.positionOf(path), options);
  const errors = [...manifests.findings, ...world.findings].filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors);
  if (question.ip !== undefined && !ipaddr.isValid(question.ip)) {
    throw new CliError(`decide: --ip: "${question.ip}" is not an address`);
  }
  if (question.to.startsWith("gateway:")) return answer(world, question, atGateway(world, question), json);
  const { pods, notes } = clientsOf(world, question.from);
  const [from] = pods;
  if (from === undefined) throw unknownClient(world, question.from);
  const { host, port } = destinationOf(world, question.to, from.namespace);
  const routed = routeConnection(world, {
    from,
    to: host,
    port,
    first: question.sni === undefined ? undefined : { type: "tls", sni: question.sni },
    sourceIp: question.ip,
  });
  if (routed.length === 0) throw new CliError(`decide: ${host} has no address: no pod is behind it`);
  const asked = { ...question, from: from.workload, to: `${host}:${port}` };
  const more = [...notes, ...membershipNotes(world, from.namespace, options.dataplane !== undefined)];
  return answer(
    world,
    asked,
    routed.map((one) => ({ ...one, notes: [...more, ...one.notes] })),
    json,
  );
}

function answer(
  world: RoutingWorld,
  { from, to }: MeshQuestion,
  routed: readonly Routed[],
  json: boolean,
): Answer {
  const outcome = worstOf(routed.map((one) => one.outcome));
  const text = json
    ? `${JSON.stringify({ from, to, outcome, routes: routed })}\n`
    : routedText(world, { from, to }, outcome, routed);
  return { text, exitCode: exitCodeOf(outcome) };
}

/** `gateway:shop/edge:5432`: a connection from outside of the mesh at a server of a Gateway. */
function atGateway(world: RoutingWorld, { from, to, ip, sni }: MeshQuestion): Routed[] {
  const match = /^gateway:(?:([^/:]+)\/)?([^/:]+):(\d+)$/.exec(to);
  if (match === null) throw new CliError("decide: --to: write gateway:NAMESPACE/NAME:PORT");
  const [, namespace = "default", name = "", port] = match;
  const ids = world.gateways.map((one) => `${one.namespace}/${one.name}`);
  const gateway = world.gateways.find((one) => one.namespace === namespace && one.name === name);
  if (gateway === undefined) {
    const id = `${namespace}/${name}`;
    throw new CliError(
      `decide: --to: no Gateway (networking.istio.io) is called ${id}${didYouMean(id, ids)}`,
    );
  }
  if (from !== "outside" && !ipaddr.isValid(from)) {
    throw new CliError('decide: --from: at a gateway the client is "outside", or an address');
  }
  const sourceIp = ip ?? (ipaddr.isValid(from) ? from : undefined);
  return [routeFromOutside(world, { gateway, port: Number(port), sni, sourceIp })];
}

function membershipNotes({ mesh }: RoutingWorld, namespace: string, stated: boolean): string[] {
  if (stated || mesh.cluster.declared.has(namespace)) return [];
  return [
    `namespace ${namespace} is not among the objects: pods there are taken as in the mesh with sidecars, unless their labels say otherwise (--data-plane states it)`,
  ];
}

function exitCodeOf(outcome: Outcome): number {
  switch (outcome) {
    case "allow":
      return EXIT.ok;
    case "deny":
    case "fails":
      return EXIT.found;
    case "not judged":
      return EXIT.failed;
  }
}

/** A workload of that name, else those that run as that service account. */
function clientsOf({ mesh }: RoutingWorld, name: string) {
  const byName = mesh.cluster.pods.filter(({ workload }) => workload === name);
  if (byName.length > 0) return { pods: byName, notes: [] };
  const pods = mesh.cluster.pods.filter(
    ({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}` === name,
  );
  const others = pods.slice(1).map(({ workload }) => workload);
  const notes =
    others.length === 0
      ? []
      : [
          `${name} is a service account of several workloads: answered for ${pods[0]?.workload}, not for ${others.join(", ")}`,
        ];
  return { pods, notes };
}

function unknownClient({ mesh }: RoutingWorld, name: string): CliError {
  const { pods } = mesh.cluster;
  if (pods.length === 0) {
    return new CliError(
      "decide: no workload (Deployment, StatefulSet, Pod …) is among the objects, so nobody can be the client",
    );
  }
  if (!/^[^/]+\/[^/]+$/.test(name)) {
    return new CliError(
      `decide: --from: write NAMESPACE/WORKLOAD or NAMESPACE/SERVICE-ACCOUNT${didYouMean(`default/${name}`, names(pods))}`,
    );
  }
  return new CliError(
    `decide: --from: no workload and no service account is called ${name}${didYouMean(name, names(pods))}`,
  );
}

function names(
  pods: readonly { workload: string; namespace: string; serviceAccount: string }[],
): Set<string> {
  return new Set(pods.flatMap((pod) => [pod.workload, `${pod.namespace}/${pod.serviceAccount}`]));
}

function destinationOf(world: RoutingWorld, to: string, namespace: string): { host: string; port: number } {
  const match = /^(.+?)(?::(\d+))?$/.exec(to);
  const host = match?.[1] ?? to;
  if (host.includes(":"))
    throw new CliError(`decide: --to: write HOST:PORT with an IPv4 address or a name, not "${to}"`);
  if (match?.[2] !== undefined) {
    const port = Number(match[2]);
    if (port < 1 || port > 65535) throw new CliError(`decide: --to: ${port} is not a port`);
    return { host, port };
  }
  const { service } = resolveName(world, namespace, host, 0);
  const hosts = world.services.map((one) => one.host);
  if (service === undefined) {
    throw new CliError(
      `decide: --to: no object names ${host}, so give its port as ${host}:PORT${didYouMean(host, hosts)}`,
    );
  }
  const ports = service.ports.filter(({ protocol }) => protocol !== "none").map(({ number }) => number);
  const [only] = ports;
  if (ports.length === 1 && only !== undefined) return { host, port: only };
  throw new CliError(
    `decide: --to: ${service.id} has several ports; give one of ${host}:{${ports.join(",")}}`,
  );
}

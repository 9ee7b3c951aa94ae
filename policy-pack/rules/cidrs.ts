import { wideness } from "../../policy/lint/rules/wide-cidr.ts";
import {
  fields,
  kubernetesObject,
  list,
  resource as made,
  type Resource,
  sample,
  text,
  texts,
} from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";
import { ingress } from "./security-group.ts";

const allow = (source: Record<string, unknown>) =>
  sample("security.istio.io/v1", "AuthorizationPolicy", "db", {
    selector: { matchLabels: { app: "db" } },
    rules: [{ from: [{ source }] }],
  });
const policy = (cidr: string) =>
  sample("networking.k8s.io/v1", "NetworkPolicy", "db", {
    podSelector: {},
    ingress: [{ from: [{ ipBlock: { cidr } }], ports: [{ port: 5432 }] }],
  });
const group = (cidrBlocks: readonly string[]) =>
  made("aws:ec2/securityGroup:SecurityGroup", "db", {
    ingress: [{ protocol: "tcp", fromPort: 5432, toPort: 5432, cidrBlocks }],
  });

/** PR222. */
export const wideCidr: ResourceRule = {
  id: "PR222",
  over: "resource",
  severities: ["error", "warning"],
  remediation: "Name workloads, namespaces or security groups instead of addresses, or name the subnets.",
  bad: [
    [group(["0.0.0.0/0"])],
    [allow({ ipBlocks: ["0.0.0.0/0"] })],
    [policy("::/0")],
    [policy("10.0.0.0/8")],
    [
      made("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "db", {
        ipProtocol: "tcp",
        fromPort: 5432,
        toPort: 5432,
        cidrIpv4: "0.0.0.0/0",
      }),
    ],
    [
      made("aws:ec2/securityGroupRule:SecurityGroupRule", "db", {
        type: "ingress",
        protocol: "tcp",
        fromPort: 5432,
        toPort: 5432,
        cidrBlocks: ["0.0.0.0/0"],
      }),
    ],
  ],
  good: [
    [group(["10.20.0.0/16"])],
    [allow({ ipBlocks: ["10.20.0.0/16"] })],
    // A block beside an identity narrows who was named.
    [allow({ principals: ["prod.example.com/ns/shop/sa/api"], ipBlocks: ["10.0.0.0/8"] })],
  ],
  *check(resource): Iterable<StackBreach> {
    for (const { id, cidr } of blocks(resource)) {
      const severity = wideness(cidr);
      if (severity) yield { message: `${id} lets in the wide address block ${cidr}`, severity };
    }
  },
};

function blocks(resource: Resource): { id: string; cidr: string }[] {
  const object = kubernetesObject(resource);
  const tell = (id: string) => (cidr: string) => ({ id, cidr });
  if (object?.kind === "security.istio.io/AuthorizationPolicy") {
    if ((object.spec.action ?? "ALLOW") !== "ALLOW") return [];
    const sources = list(object.spec.rules)
      .flatMap((rule) => list(fields(rule).from))
      .map((from) => fields(fields(from).source));
    return sources
      .filter(
        (source) =>
          !list(source.principals).length &&
          !list(source.namespaces).length &&
          !list(source.serviceAccounts).length,
      )
      .flatMap((source) => [...texts(source.ipBlocks), ...texts(source.remoteIpBlocks)])
      .map((cidr) => (cidr.includes("/") ? cidr : `${cidr}/${cidr.includes(":") ? 128 : 32}`))
      .map(tell(`AuthorizationPolicy ${object.namespace}/${object.name}`));
  }
  if (object?.kind === "networking.k8s.io/NetworkPolicy") {
    return list(object.spec.ingress)
      .flatMap((rule) => list(fields(rule).from))
      .map((peer) => text(fields(fields(peer).ipBlock).cidr))
      .filter((cidr) => cidr !== "")
      .map(tell(`NetworkPolicy ${object.namespace}/${object.name}`));
  }
  return ingress(resource).flatMap(({ cidrs }) => cidrs.map(tell(`security group rule of ${resource.name}`)));
}

import type { FromKind } from "../diff/change.ts";
import type { GraphNode, NodeKind } from "./graph.ts";

/** Who, by the kind that an access table or a change gives. */
export function fromNode(from: string, kind: FromKind): GraphNode {
  switch (kind) {
    case "workload":
      return workloadNode(from);
    case "namespace":
      return who(from, "namespace", from.replace(/^namespace:/, ""));
    case "user":
    case "idpGroup":
    case "awsRole":
      return who(from, "person", "people");
    case "agent":
      return who(from, "agent", "agents");
    case "cidr":
    case "plaintext":
    case "external":
    case "everyone":
      return who(from, "addresses", "outside");
  }
}

/** A workload `namespace/name`. */
export function workloadNode(name: string): GraphNode {
  const slash = name.indexOf("/");
  return who(name, "workload", slash < 0 ? "workloads" : name.slice(0, slash));
}

/** A service of the policies: it may be called like a workload, and is another node. */
export function serviceNode(name: string): GraphNode {
  return { id: `service ${name}`, label: name, kind: "service", group: "services" };
}

/**
 * An end between Kubernetes objects: `namespace/name`, `namespace/service:port` or `external:LOW-HIGH`. As a destination it is
 * another node than as a source: in a cluster that is open most reach most, and a drawing of that with one node each is a knot.
 */
export function clusterNode(name: string, end: "from" | "to"): GraphNode {
  const node = name.startsWith("external:") ? who(name, "addresses", "outside") : workloadNode(name);
  if (end === "from") return node;
  const kind = /:\d+$/.test(name) && node.kind === "workload" ? "service" : node.kind;
  return { ...node, id: `to ${name}`, kind, group: `→ ${node.group}` };
}

function who(name: string, kind: NodeKind, group: string): GraphNode {
  return { id: `who ${name}`, label: name, kind, group };
}

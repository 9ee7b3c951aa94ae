import { type GoProgram, goProgram } from "../go.ts";
import { atLeast, onPath, output, versionIn } from "../machine.ts";
import type { Found, Recipe } from "../part.ts";

const VERSION = "1.36.3";

/** One of Kubernetes' own programs; all come from one lock file, so they always fit each other. */
function kubernetes(program: Pick<GoProgram, "name" | "title" | "cost" | "find">): Recipe {
  return goProgram({
    ...program,
    version: VERSION,
    lock: "kubernetes",
    package: `k8s.io/kubernetes/cmd/${program.name}`,
    // Without the stamp a server calls itself v0.0.0-master, which clients take for an ancient one.
    stamp: {
      "k8s.io/component-base/version.gitVersion": `v${VERSION}`,
      "k8s.io/component-base/version.gitMajor": "1",
      "k8s.io/component-base/version.gitMinor": "36",
    },
  });
}

export const kubeApiserver = kubernetes({
  name: "kube-apiserver",
  title: "Kubernetes API server",
  cost: { seconds: 240, megabytes: 105 },
});

export const kubeControllerManager = kubernetes({
  name: "kube-controller-manager",
  title: "Kubernetes controllers (namespaces, garbage collection, service accounts)",
  cost: { seconds: 60, megabytes: 96 },
});

const OLDEST_KUBECTL = "1.30";

function kubectlOnPath(): Found | undefined {
  const path = onPath("kubectl");
  const version = path === undefined ? undefined : versionIn(output(path, ["version", "--client"]));
  return path && version && atLeast(version, OLDEST_KUBECTL) ? { path, version } : undefined;
}

export const kubectl = kubernetes({
  name: "kubectl",
  title: "Kubernetes client",
  cost: { seconds: 60, megabytes: 55 },
  find: kubectlOnPath,
});

import { expect, test } from "vitest";
import { readCluster } from "../kubernetes/reach/index.ts";
import { type MembershipOptions, membership } from "./mesh.ts";

type Labels = Record<string, string>;

type Given = { namespace?: Labels; labels?: Labels; annotations?: Labels; hostNetwork?: boolean };

function of(
  { namespace, labels = {}, annotations = {}, hostNetwork = false }: Given,
  options: MembershipOptions = { undeclared: "sidecar" },
) {
  const pod = {
    kind: "Pod",
    metadata: { name: "a", namespace: "shop", labels, annotations },
    spec: { hostNetwork },
  };
  const declared = namespace ? [{ kind: "Namespace", metadata: { name: "shop", labels: namespace } }] : [];
  const { cluster } = readCluster([pod, ...declared]);
  const [read] = cluster.pods;
  return read && membership(read, cluster, options);
}

const ENABLED = { "istio-injection": "enabled" };
const AMBIENT = { "istio.io/dataplane-mode": "ambient" };
const INJECT = { "sidecar.istio.io/inject": "true" };

test.each([
  ["a labelled namespace injects", { namespace: ENABLED }, "sidecar"],
  ["so does one with a revision", { namespace: { "istio.io/rev": "canary" } }, "sidecar"],
  ["a pod can opt out", { namespace: ENABLED, labels: { "sidecar.istio.io/inject": "false" } }, "none"],
  ["a namespace without labels does not inject", { namespace: {} }, "none"],
  ["a pod can opt in there", { namespace: {}, labels: INJECT }, "sidecar"],
  [
    "but not where injection is disabled",
    { namespace: { "istio-injection": "disabled" }, labels: INJECT },
    "none",
  ],
  ["ambient by namespace", { namespace: AMBIENT }, "ztunnel"],
  ["ambient by pod", { namespace: {}, labels: AMBIENT }, "ztunnel"],
  [
    "a pod can opt out of ambient",
    { namespace: AMBIENT, labels: { "istio.io/dataplane-mode": "none" } },
    "none",
  ],
  ["a sidecar wins over ambient", { namespace: AMBIENT, labels: INJECT }, "sidecar"],
  [
    "an injected pod of a running cluster",
    { namespace: {}, annotations: { "sidecar.istio.io/status": "{}" } },
    "sidecar",
  ],
  [
    "a captured pod of a running cluster",
    { namespace: {}, annotations: { "ambient.istio.io/redirection": "enabled" } },
    "ztunnel",
  ],
  ["host network is never in the mesh", { namespace: ENABLED, hostNetwork: true }, "none"],
  ["a namespace that was not given is what the caller says", {}, "sidecar"],
])("%s", (_, given, expected) => expect(of(given)).toBe(expected));

test("a data plane that is asked for holds for every pod that does not opt out of it", () => {
  const ztunnel = { undeclared: "none", dataplane: "ztunnel" } as const;
  expect(of({ namespace: {} }, ztunnel)).toBe("ztunnel");
  expect(of({ namespace: {}, hostNetwork: true }, ztunnel)).toBe("none");
  expect(of({ namespace: {}, labels: { "istio.io/dataplane-mode": "none" } }, ztunnel)).toBe("none");
});

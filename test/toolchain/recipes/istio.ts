import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { goModuleFolder, goProgram } from "../go.ts";
import type { Recipe } from "../part.ts";

const VERSION = "1.31.0";
const MODULE = "istio.io/istio";

/** What Istio's own builds set; `agent` leaves out of the sidecar's agent what only istiod needs. */
const TAGS = ["vtprotobuf", "disable_pgv"];
const AGENT_TAGS = ["agent", "disable_pgv"];

const stamp = {
  "istio.io/istio/pkg/version.buildVersion": VERSION,
  "istio.io/istio/pkg/version.buildTag": VERSION,
  "istio.io/istio/pkg/version.buildStatus": "Clean",
};

export const istiod = goProgram({
  name: "istiod",
  title: "Istio control plane",
  version: VERSION,
  lock: "istio",
  package: `${MODULE}/pilot/cmd/pilot-discovery`,
  tags: TAGS,
  stamp,
  cost: { seconds: 240, megabytes: 123 },
});

export const istioctl = goProgram({
  name: "istioctl",
  title: "Istio client (validate, analyze)",
  version: VERSION,
  lock: "istio",
  package: `${MODULE}/istioctl/cmd/istioctl`,
  tags: TAGS,
  stamp,
  cost: { seconds: 40, megabytes: 99 },
});

const agent = goProgram({
  name: "pilot-agent",
  title: "Istio sidecar agent",
  version: VERSION,
  lock: "istio",
  package: `${MODULE}/pilot/cmd/pilot-agent`,
  tags: AGENT_TAGS,
  stamp,
  cost: { seconds: 20, megabytes: 28 },
});

/** The agent, and beside it the bootstrap template of Envoy that it fills in: `../share/envoy_bootstrap.json`. */
export const pilotAgent: Recipe = {
  ...agent,
  make: async (into, report) => {
    await agent.make(into, report);
    const module = await goModuleFolder("istio", MODULE);
    mkdirSync(join(into, "share"));
    copyFileSync(
      join(module, "tools/packaging/common/envoy_bootstrap.json"),
      join(into, "share/envoy_bootstrap.json"),
    );
  },
};

/** Istio's CustomResourceDefinitions with their CEL rules, as published with Istio's API. */
export const istioCrds: Recipe = {
  name: "istio-crds",
  title: "Istio's CustomResourceDefinitions, with CEL",
  version: "1.31.1",
  source: "Go module istio.io/api",
  main: "crds.yaml",
  cost: { seconds: 10, megabytes: 1 },
  lock: agent.lock,
  fingerprint: () => "kubernetes/customresourcedefinitions.gen.yaml",
  blocked: agent.blocked,
  make: async (into) => {
    const module = await goModuleFolder("istio", "istio.io/api");
    const to = join(into, "crds.yaml");
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(module, "kubernetes/customresourcedefinitions.gen.yaml"), to);
  },
};

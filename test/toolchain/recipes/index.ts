/** Every real part, in the order in which they are wanted: what most tests need first. */
import type { Recipe } from "../part.ts";
import { envoy } from "./envoy.ts";
import { etcd } from "./etcd.ts";
import { ghostunnel } from "./ghostunnel.ts";
import { istioCrds, istioctl, istiod, pilotAgent } from "./istio.ts";
import { keycloak } from "./keycloak.ts";
import { kubeApiserver, kubeControllerManager, kubectl } from "./kubernetes.ts";
import { moto } from "./moto.ts";
import { networkPolicyJudge } from "./network-policy-judge.ts";
import { oracle } from "./oracle.ts";
import { checkov, conftest, kubeScore, nca } from "./peers.ts";
import { pulumi } from "./pulumi.ts";
import { pulumiLanguageNodejs } from "./pulumi-language-nodejs.ts";
import { pulumiLanguageYaml } from "./pulumi-language-yaml.ts";
import { rustls } from "./rustls.ts";
import {
  buildah,
  chromium,
  curl,
  ip,
  mariadb,
  nats,
  nft,
  postgres,
  promtool,
  redis,
  runc,
  socat,
} from "./servers.ts";
import { stepCa } from "./step-ca.ts";
import { istioValidator, networkPolicyValidator } from "./validators.ts";
import { workloadApi } from "./workload-api.ts";

export const recipes = {
  pulumi,
  "pulumi-language-nodejs": pulumiLanguageNodejs,
  "pulumi-language-yaml": pulumiLanguageYaml,
  etcd,
  "kube-apiserver": kubeApiserver,
  "kube-controller-manager": kubeControllerManager,
  kubectl,
  "istio-crds": istioCrds,
  istiod,
  istioctl,
  "pilot-agent": pilotAgent,
  oracle,
  "network-policy-judge": networkPolicyJudge,
  "istio-validator": istioValidator,
  "network-policy-validator": networkPolicyValidator,
  envoy,
  moto,
  postgres,
  redis,
  mariadb,
  nats,
  "step-ca": stepCa,
  keycloak,
  "workload-api": workloadApi,
  nft,
  ip,
  buildah,
  runc,
  curl,
  socat,
  rustls,
  promtool,
  chromium,
  ghostunnel,
  nca,
  checkov,
  "kube-score": kubeScore,
  conftest,
} as const satisfies Record<string, Recipe>;

export type PartName = keyof typeof recipes;

export const partNames = Object.keys(recipes) as PartName[];

/** Made only when a test or a person asks for one: few do, and they take long. */
const ON_DEMAND: readonly PartName[] = [
  "chromium",
  "kubectl",
  "step-ca",
  "keycloak",
  "ghostunnel",
  "checkov",
  "kube-score",
  "conftest",
];

/** What a run of all tests makes beforehand. */
export const wantedNames = partNames.filter((name) => !ON_DEMAND.includes(name));

import { formatPath, isValidatedKind, validateObject } from "../../policy/istio/validation/index.ts";
import { kubernetesObject, sample } from "../resource.ts";
import type { ResourceRule, StackBreach } from "../rule.ts";

const rule = (mode: string) =>
  sample("networking.istio.io/v1", "DestinationRule", "db", {
    host: "db.example.com",
    trafficPolicy: { tls: { mode } },
  });

/** PR570. */
export const refused: ResourceRule = {
  id: "PR570",
  over: "resource",
  severities: ["error"],
  remediation: "Correct the field that the message names; `portreeve validate` checks files the same way.",
  bad: [[rule("MUTUAL")], [rule("SIMPEL")]],
  good: [[rule("SIMPLE")]],
  *check(resource): Iterable<StackBreach> {
    const object = kubernetesObject(resource);
    if (!object || !isValidatedKind(object.object)) return;
    for (const { path, message, severity } of validateObject(object.object).reasons) {
      if (severity === "error") yield { message: `${formatPath(path)}: ${message}` };
    }
  },
};

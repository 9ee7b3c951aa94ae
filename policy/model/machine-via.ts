import type { Via } from "../decide/rule.ts";
import type { Sourced } from "../load/source.ts";
import type { Report } from "./report.ts";
import type { Service } from "./types.ts";

/** The parts of a grant that no mesh can check, by their path in the spec. */
function proxyOnlyConditions(source: Sourced<"Grant">): { path: string; why: string }[] {
  const { when, limits, audit } = source.document.spec;
  const found: { path: string; why: string }[] = [];
  if (when?.notBefore !== undefined) found.push({ path: "when.notBefore", why: "Istio has no clock" });
  if (when?.expires !== undefined) found.push({ path: "when.expires", why: "Istio has no clock" });
  if (when?.sni) {
    found.push({
      path: "when.sni",
      why: "inside mutual TLS a sidecar sees the mesh's own server name, and ztunnel none",
    });
  }
  if (limits) found.push({ path: "limits", why: "a mesh cannot count per principal" });
  if (audit === "required")
    found.push({ path: "audit", why: "a mesh cannot refuse what it fails to record" });
  return found;
}

/** The enforcement points at which this grant's machines are judged. */
export function machineVia(source: Sourced<"Grant">, service: Service, report: Report): Via[] {
  const proxyOnly = proxyOnlyConditions(source);
  const { action, via } = source.document.spec;
  const hasMeshPoint = service.enforcement !== "proxy";
  if (via === "proxy") return ["proxy"];
  if (via === "mesh" || via === "both") {
    if (!hasMeshPoint) {
      report.error(
        "PR402",
        source,
        ["spec", "via"],
        `\`via: ${via}\` cannot be enforced: ${service.name} is external and reached through the proxy, so no mesh object judges it`,
        "leave `via` out, or set the service's `location.egress: gateway`",
      );
      return ["proxy"];
    }
    for (const { path, why } of proxyOnly) {
      report.error(
        "PR404",
        source,
        ["spec", ...path.split(".")],
        `\`via: ${via}\` with \`${path}\` cannot be enforced by the mesh: ${why}`,
        "use `via: proxy`, or remove the condition",
      );
    }
    return via === "mesh" ? ["mesh"] : ["mesh", "proxy"];
  }
  if (action === "allow") return hasMeshPoint && proxyOnly.length === 0 ? ["mesh"] : ["proxy"];
  if (!hasMeshPoint) return ["proxy"];
  for (const { path, why } of proxyOnly) {
    report.error(
      "PR404",
      source,
      ["spec", ...path.split(".")],
      `this deny must also hold in the mesh, which cannot check \`${path}\`: ${why}`,
      "remove the condition, or state `via: proxy` if the mesh lets none of them through anyway",
    );
  }
  return ["mesh", "proxy"];
}

import { at, flag, isSet, items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

/** Checks `tls` of a traffic policy in an object of this namespace. */
export function checkClientTls(tls: Node, namespace: string, report: Report): void {
  if (!isSet(tls)) return;
  const mode = text(at(tls, "mode")) || "DISABLE";
  const has = (field: string): boolean => text(at(tls, field)) !== "";
  const hasSans = items(at(tls, "subjectAltNames")).length > 0;
  const credential = at(tls, "credentialName");
  if (text(credential).startsWith("configmap://")) checkConfigMap(credential, namespace, report);
  if (flag(at(tls, "insecureSkipVerify"))) {
    const verifies = has("caCertificates") || hasSans;
    if ((mode === "SIMPLE" && (verifies || has("credentialName"))) || (mode === "MUTUAL" && verifies)) {
      report.error(
        tls,
        "insecureSkipVerify is set beside the means to verify: caCertificates, credentialName or subjectAltNames",
      );
    }
  }
  if ((mode === "SIMPLE" || mode === "MUTUAL") && has("credentialName")) {
    if (["clientCertificate", "caCertificates", "privateKey", "caCrl"].some(has)) {
      report.error(
        tls,
        "credentialName stands for the certificates; remove clientCertificate, privateKey, caCertificates and caCrl",
      );
    }
    return;
  }
  if (mode === "MUTUAL") {
    if (!has("clientCertificate")) report.error(at(tls, "clientCertificate"), "is required for mode MUTUAL");
    if (!has("privateKey")) report.error(at(tls, "privateKey"), "is required for mode MUTUAL");
  }
}

function checkConfigMap(credential: Node, namespace: string, report: Report): void {
  const [owner = "", name = ""] = text(credential).slice("configmap://".length).split("/");
  if (owner === "" || name === "") report.error(credential, "must have the form configmap://namespace/name");
  else if (owner !== namespace)
    report.error(credential, `must name a ConfigMap of the namespace ${namespace}`);
}

import { at, isSet, items, type Node, text } from "./node.ts";
import type { Report } from "./report.ts";

const CIPHERS = new Set([
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-SHA",
  "AES256-SHA",
  "DES-CBC3-SHA",
]);

type CertificateField = "serverCertificate" | "privateKey" | "caCertificates" | "credentialName" | "caCrl";

/** Checks `tls` of a Gateway server or of a Sidecar ingress listener. */
export function checkServerTls(tls: Node, report: Report): void {
  if (!isSet(tls)) return;
  checkCiphers(tls, report);
  const mode = modeOf(tls);
  const has = (field: CertificateField): boolean => text(at(tls, field)) !== "";
  const certificates = items(at(tls, "tlsCertificates"));
  const credentials = items(at(tls, "credentialNames"));
  if (mode === "ISTIO_MUTUAL") {
    const fields: readonly CertificateField[] = [
      "serverCertificate",
      "privateKey",
      "caCertificates",
      "credentialName",
    ];
    for (const field of fields)
      if (has(field)) report.error(at(tls, field), "may not be set with mode ISTIO_MUTUAL");
    for (const field of ["tlsCertificates", "credentialNames"]) {
      if (items(at(tls, field)).length > 0)
        report.error(at(tls, field), "may not be set with mode ISTIO_MUTUAL");
    }
    return;
  }
  if (isPassthrough(tls)) {
    const fields: readonly CertificateField[] = [
      "caCrl",
      "serverCertificate",
      "privateKey",
      "caCertificates",
      "credentialName",
    ];
    if (fields.some(has) || certificates.length > 0 || credentials.length > 0)
      report.warn(tls, `mode ${mode} uses no certificates: they are ignored`);
  }
  const sources = [
    has("serverCertificate") && has("privateKey"),
    has("credentialName"),
    credentials.length > 0,
    certificates.length > 0,
  ];
  if (sources.filter(Boolean).length > 1) {
    report.error(
      tls,
      "only one of credentialName, credentialNames, serverCertificate with privateKey, and tlsCertificates may be set",
    );
  }
  const terminates = mode === "SIMPLE" || mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
  // Certificates are fetched by the name of the credential; the fields below stand for files.
  if (terminates && (has("credentialName") || credentials.length > 0)) return;
  if (terminates) checkFiles(tls, certificates, mode, report);
  if (has("caCrl") && has("credentialName")) report.error(at(tls, "caCrl"), "belongs into the credential");
  if (has("caCrl") && mode === "SIMPLE") report.error(at(tls, "caCrl"), "is not supported with mode SIMPLE");
}

/** PASSTHROUGH or AUTO_PASSTHROUGH. PASSTHROUGH is what an unset mode means. */
export function isPassthrough(tls: Node): boolean {
  return isSet(tls) && (modeOf(tls) === "PASSTHROUGH" || modeOf(tls) === "AUTO_PASSTHROUGH");
}

function modeOf(tls: Node): string {
  return text(at(tls, "mode")) || "PASSTHROUGH";
}

function checkFiles(tls: Node, certificates: readonly Node[], mode: string, report: Report): void {
  if (mode !== "SIMPLE" && text(at(tls, "caCertificates")) === "")
    report.error(at(tls, "caCertificates"), `is required for mode ${mode}`);
  if (certificates.length > 2)
    report.warn(at(tls, "tlsCertificates"), "two certificates are supported at most");
  for (const certificate of certificates.length > 0 ? certificates : [tls]) {
    for (const field of ["serverCertificate", "privateKey"]) {
      if (text(at(certificate, field)) === "")
        report.error(at(certificate, field), `is required for mode ${mode}`);
    }
  }
}

function checkCiphers(tls: Node, report: Report): void {
  const suites = at(tls, "cipherSuites");
  const version = at(tls, "minProtocolVersion");
  if ((text(version) === "TLSV1_0" || text(version) === "TLSV1_1") && items(suites).length === 0) {
    report.warn(version, "needs cipherSuites that it can be used with: the default ones cannot");
  }
  const seen = new Set<string>();
  for (const suite of items(suites)) {
    const name = text(suite);
    if (!isCipherSuite(name))
      report.warn(suite, `cipher suite ${JSON.stringify(name)} is not supported and ignored`);
    else if (seen.has(name)) report.warn(suite, `cipher suite ${JSON.stringify(name)} is listed twice`);
    seen.add(name);
  }
}

/** Expressions that begin with an operator (`-ALL`) are let pass as they are. */
function isCipherSuite(name: string): boolean {
  return name === "" || name === "ALL" || !/^[\p{L}\p{N}]/u.test(name) || CIPHERS.has(name);
}

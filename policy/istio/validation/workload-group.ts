import type { Check } from "./check.ts";
import { checkLabels } from "./labels.ts";
import { at, isSet, items, type Node, num, text } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";

/** A WorkloadGroup by the rules of Istio's webhook. Its template is not checked as a WorkloadEntry: Istio fills it in. */
export const checkWorkloadGroup: Check = (spec, _meta, report) => {
  if (!isSet(at(spec, "template"))) report.error(at(spec, "template"), "is required");
  checkLabels(at(spec, "metadata", "labels"), report);
  if (isSet(at(spec, "probe"))) checkProbe(at(spec, "probe"), report);
};

const THRESHOLDS = [
  "periodSeconds",
  "initialDelaySeconds",
  "timeoutSeconds",
  "successThreshold",
  "failureThreshold",
];

function checkProbe(probe: Node, report: Report): void {
  for (const name of THRESHOLDS) {
    if (num(at(probe, name)) < 0) report.error(at(probe, name), "must not be negative");
  }
  const http = at(probe, "httpGet");
  const tcp = at(probe, "tcpSocket");
  const exec = at(probe, "exec");
  if (isSet(http)) {
    report.check(at(http, "port"), portProblem(num(at(http, "port"))));
    if (!["", "HTTP", "HTTPS"].includes(text(at(http, "scheme"))))
      report.error(at(http, "scheme"), "must be HTTP or HTTPS");
    for (const header of items(at(http, "httpHeaders"))) {
      const name = at(header, "name");
      if (!/^[-A-Za-z0-9]+$/.test(text(name)))
        report.error(name, `${JSON.stringify(text(name))} is not a valid header name`);
    }
  } else if (isSet(tcp)) {
    report.check(at(tcp, "port"), portProblem(num(at(tcp, "port"))));
  } else if (isSet(exec)) {
    if (items(at(exec, "command")).length === 0) report.error(at(exec, "command"), "is required");
  } else if (!isSet(at(probe, "grpc"))) {
    report.error(probe, "needs one of httpGet, tcpSocket and exec");
  } else {
    report.error(
      at(probe, "grpc"),
      "gRPC probes are not supported by the webhook; use httpGet, tcpSocket or exec",
    );
  }
}

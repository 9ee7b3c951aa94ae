import { celSyntaxProblem } from "./cel-syntax.ts";
import type { Check } from "./check.ts";
import { at, entries, isSet, items, type Node, num, text } from "./node.ts";
import type { Report } from "./report.ts";
import { checkPolicyTargets } from "./selector.ts";

/** A Telemetry by the rules of Istio's webhook. */
export const checkTelemetry: Check = (spec, _meta, report) => {
  checkPolicyTargets(spec, report);
  for (const metrics of items(at(spec, "metrics"))) checkMetrics(metrics, report);
  checkTracing(at(spec, "tracing"), report);
  for (const logging of items(at(spec, "accessLogging"))) {
    const filter = at(logging, "filter");
    if (isSet(filter))
      report.check(at(filter, "expression"), celSyntaxProblem(text(at(filter, "expression"))));
    checkProviders(at(logging, "providers"), report);
  }
};

function checkProviders(providers: Node, report: Report): void {
  for (const provider of items(providers)) {
    if (text(at(provider, "name")) === "") report.error(at(provider, "name"), "must not be empty");
  }
}

function checkTracing(tracing: Node, report: Report): void {
  if (items(tracing).length > 1)
    report.warn(tracing, "more than one entry is not supported: the first is used");
  for (const entry of items(tracing)) {
    const providers = at(entry, "providers");
    if (items(providers).length > 1) report.warn(providers, "more than one provider is not supported");
    checkProviders(providers, report);
    const sampling = at(entry, "randomSamplingPercentage");
    if (num(sampling) < 0 || num(sampling) > 100) report.error(sampling, "must be between 0 and 100");
    for (const [name, tag] of entries(at(entry, "customTags"))) checkTag(name, tag, report);
  }
}

function checkTag(name: string, tag: Node, report: Report): void {
  if (name === "") report.error(tag, "a tag's name must not be empty");
  const values = [at(tag, "literal", "value"), at(tag, "header", "name"), at(tag, "environment", "name")];
  for (const [index, part] of ["literal", "header", "environment"].entries()) {
    const value = values[index];
    if (value !== undefined && isSet(at(tag, part)) && text(value) === "")
      report.error(value, "must not be empty");
  }
}

function checkMetrics(metrics: Node, report: Report): void {
  checkProviders(at(metrics, "providers"), report);
  for (const override of items(at(metrics, "overrides"))) {
    for (const [name, tag] of entries(at(override, "tagOverrides"))) {
      if (name === "") report.warn(tag, "a tag's name should not be empty");
      const value = at(tag, "value");
      const isRemoval = text(at(tag, "operation")) === "REMOVE";
      if (isRemoval && text(value) !== "") report.error(value, "may be set with operation UPSERT only");
      if (!isRemoval && text(value) === "") report.error(value, "must be set with operation UPSERT");
    }
    const custom = at(override, "match", "customMetric");
    if (isSet(custom) && text(custom) === "") report.error(custom, "must not be empty");
  }
}

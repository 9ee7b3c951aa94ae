import type { Check } from "./check.ts";
import { at, num } from "./node.ts";
import { checkWorkloadSelector } from "./selector.ts";

/** A ProxyConfig by the rules of Istio's webhook. */
export const checkProxyConfig: Check = (spec, _meta, report) => {
  checkWorkloadSelector(at(spec, "selector"), report);
  if (num(at(spec, "concurrency")) < 0) report.error(at(spec, "concurrency"), "must not be negative");
};

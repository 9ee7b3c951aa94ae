import { byteLength } from "./bytes.ts";
import type { Check } from "./check.ts";
import { parseRequestUri, parseUrl } from "./go-url.ts";
import { at, isSet, items, type Node, num, text } from "./node.ts";
import { portProblem } from "./port.ts";
import type { Report } from "./report.ts";
import { checkPolicyTargets } from "./selector.ts";

/** A WasmPlugin by the rules of Istio's webhook. */
export const checkWasmPlugin: Check = (spec, _meta, report) => {
  checkPolicyTargets(spec, report);
  checkWasm(spec, report);
  checkMatchPorts(at(spec, "match"), report);
};

/** A TrafficExtension by the rules of Istio's webhook. */
export const checkTrafficExtension: Check = (spec, _meta, report) => {
  const wasm = at(spec, "wasm");
  const lua = at(spec, "lua");
  if (isSet(wasm) === isSet(lua)) report.error(spec, "exactly one of wasm and lua must be set");
  checkPolicyTargets(spec, report);
  if (isSet(wasm)) checkWasm(wasm, report);
  if (isSet(lua)) {
    const size = byteLength(text(at(lua, "inlineCode")));
    if (size === 0) report.error(at(lua, "inlineCode"), "must not be empty");
    if (size > 65536) report.error(at(lua, "inlineCode"), "may be 64 KiB at most");
  }
  checkMatchPorts(at(spec, "match"), report);
};

const SCHEMES = new Set(["", "file", "http", "https", "oci"]);

function checkWasm(wasm: Node, report: Report): void {
  const url = at(wasm, "url");
  if (text(url) === "") report.error(url, "must be set");
  else {
    const absolute = parseRequestUri(text(url)) !== undefined ? text(url) : `http://${text(url)}`;
    const parsed = parseRequestUri(absolute);
    if (parsed === undefined || parseUrl(absolute) === undefined)
      report.error(url, `${JSON.stringify(text(url))} is not a URL`);
    else if (!SCHEMES.has(parsed.scheme)) report.error(url, `scheme ${parsed.scheme} is not supported`);
  }
  const sha256 = at(wasm, "sha256");
  if (text(sha256) !== "" && !/^[a-f0-9]{64}$/.test(text(sha256)))
    report.error(sha256, "must be 64 hexadecimal digits in lower case");
  if (byteLength(text(at(wasm, "imagePullSecret"))) > 253)
    report.error(at(wasm, "imagePullSecret"), "may be 253 characters long at most");
  if (byteLength(text(at(wasm, "pluginName"))) > 256)
    report.error(at(wasm, "pluginName"), "may be 256 characters long at most");
  checkEnvironment(at(wasm, "vmConfig", "env"), report);
}

function checkEnvironment(environment: Node, report: Report): void {
  const names = new Set<string>();
  for (const variable of items(environment)) {
    const name = at(variable, "name");
    if (text(name) === "") report.error(name, "must be set");
    if (byteLength(text(name)) > 256) report.error(name, "may be 256 characters long at most");
    if (names.has(text(name))) report.error(name, `${JSON.stringify(text(name))} is set twice`);
    names.add(text(name));
    const source = text(at(variable, "valueFrom")) || "INLINE";
    if (source !== "INLINE" && text(at(variable, "value")) !== "")
      report.error(at(variable, "value"), "may be set with valueFrom INLINE only");
  }
}

function checkMatchPorts(match: Node, report: Report): void {
  for (const selector of items(match)) {
    for (const port of items(at(selector, "ports")))
      report.check(at(port, "number"), portProblem(num(at(port, "number"))));
  }
}

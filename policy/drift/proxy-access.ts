import { compareText } from "../finding.ts";
import { canonicalJson } from "../model/canonical.ts";
import { PROXY_MOUNTS } from "../plan/proxy-mounts.ts";
import { type Fields, isFields, listAt, textAt } from "./objects.ts";

/** What the proxies of a cluster let through: by rule and port, in words. */
export function proxyAccess(objects: readonly unknown[]): {
  rows: ReadonlyMap<string, ProxyRow>;
  unreadable: string[];
} {
  const rows = new Map<string, ProxyRow>();
  const unreadable: string[] = [];
  for (const object of objects) {
    const text = textAt(object, "data", PROXY_MOUNTS.config.file);
    if (textAt(object, "kind") !== "ConfigMap" || text === "") continue;
    const config = parsed(text);
    if (config === undefined) {
      unreadable.push(
        `ConfigMap ${textAt(object, "metadata", "namespace")}/${textAt(object, "metadata", "name")}`,
      );
      continue;
    }
    for (const rule of listAt(config, "rules")) {
      if (!isFields(rule)) continue;
      const { id: _, origin: __, ...said } = rule;
      rows.set(canonicalJson(said), toRow(said));
    }
    for (const agent of listAt(config, "agents")) {
      const name = textAt(agent, "name");
      rows.set(canonicalJson({ agent }), {
        from: `agent:${name}`,
        to: "the proxy",
        said: canonicalJson(agent),
      });
    }
  }
  return { rows, unreadable };
}

/** One rule of a proxy. */
export interface ProxyRow {
  readonly from: string;
  readonly to: string;
  readonly said: string;
}

function toRow(rule: Fields): ProxyRow {
  const subjects = Object.values(isFields(rule["subjects"]) ? rule["subjects"] : {})
    .flatMap((list) => (Array.isArray(list) ? list : []))
    .map((one) => (typeof one === "string" ? one : `namespace:${textAt(one, "namespace")}`));
  const ports = listAt(rule, "ports").join(",");
  const when = canonicalJson(rule["when"] ?? {});
  const limits = canonicalJson(rule["limits"] ?? {});
  const conditions = [when, limits].filter((text) => text !== "{}").join(" ");
  return {
    from: subjects.sort(compareText).join(", "),
    to: `${textAt(rule, "service")}${ports === "" ? "" : `:${ports}`}`,
    said: `${textAt(rule, "action")}${conditions === "" ? "" : ` ${conditions}`}`,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

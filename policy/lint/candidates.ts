import { agentKey, groupKey, namespaceKey, roleKey, userKey } from "../decide/key.ts";
import type { Model, Rule } from "../model/types.ts";
import { namespaceOf } from "./covers.ts";

/**
 * Finds the few rules that may cover another one: those of its service that name its first subject. Comparing each rule
 * with each would take hours for a service with ten thousand grants.
 */
export class Candidates {
  readonly #byKey = new Map<string, Rule[]>();

  constructor(model: Model, action: Rule["action"]) {
    for (const rule of model.rules) {
      if (rule.action !== action || rule.source === "admission") continue;
      for (const key of new Set(keysOf(rule))) {
        const full = `${rule.service} ${key}`;
        const rules = this.#byKey.get(full);
        if (rules) rules.push(rule);
        else this.#byKey.set(full, [rule]);
      }
    }
  }

  of(rule: Rule): Rule[] {
    const [first] = keysOf(rule);
    if (first === undefined) return [];
    const [id] = rule.subjects.workloads;
    const wider = id === undefined ? [] : (this.#byKey.get(`${rule.service} ns:${namespaceOf(id)}`) ?? []);
    return [...(this.#byKey.get(`${rule.service} ${first}`) ?? []), ...wider];
  }
}

/** All subjects of a rule as text, workloads first. All blocks of addresses are one: which holds which is not told by their text. */
function keysOf({ subjects }: Rule): string[] {
  return [
    ...subjects.workloads,
    ...subjects.namespaces.map(({ trustDomain, namespace }) => namespaceKey(trustDomain, namespace)),
    ...subjects.users.map(userKey),
    ...subjects.idpGroups.map(groupKey),
    ...subjects.awsRoles.map(roleKey),
    ...subjects.agents.map(agentKey),
    ...(subjects.cidrs.length > 0 ? ["cidr"] : []),
  ];
}

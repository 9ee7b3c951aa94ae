/** Counts what the comparisons reached: a grid that never gets to a branch proves nothing about it. */
import type { AuthorizationPolicy, Rule } from "../../policy/istio/objects.ts";
import type { Group, OracleVerdict } from "./oracle.ts";

export class Coverage {
  comparisons = 0;
  /** By step and verdict, like `DENY deny`; `none allow` where no policy applies. */
  readonly steps = new Map<string, number>();
  /** By field of a rule: how often a rule with it decided, and how often a verdict fell without that rule. */
  readonly fields = new Map<string, { decided: number; passed: number }>();

  add(group: Group, verdicts: readonly OracleVerdict[]): void {
    const rules = group.set.policies
      .filter((policy) => policy.kind === "AuthorizationPolicy")
      .flatMap((policy) => fieldsOfRules(policy));
    for (const { verdict, step, by } of verdicts) {
      this.comparisons++;
      const key = `${step ?? "none"} ${verdict}`;
      this.steps.set(key, (this.steps.get(key) ?? 0) + 1);
      for (const rule of rules) {
        const decided = by !== null && by.policy === rule.policy && by.rule === rule.rule;
        for (const field of rule.fields) this.#count(field, decided);
      }
    }
  }

  /** Fields of `action` rules that never decided, or that never were there when another thing did. */
  notReached(action: string, fields: readonly string[]): readonly string[] {
    return fields.filter((field) => {
      const count = this.fields.get(`${action} ${field}`);
      return count === undefined || count.decided === 0 || count.passed === 0;
    });
  }

  /** Fields of `action` rules that decided, though none of them should be able to. */
  decided(action: string, fields: readonly string[]): readonly string[] {
    return fields.filter((field) => (this.fields.get(`${action} ${field}`)?.decided ?? 0) > 0);
  }

  #count(field: string, decided: boolean): void {
    const count = this.fields.get(field) ?? { decided: 0, passed: 0 };
    if (decided) count.decided++;
    else count.passed++;
    this.fields.set(field, count);
  }

  report(): string {
    const lines = [...this.steps].sort().map(([step, count]) => `  ${step}: ${count}`);
    const fields = [...this.fields]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([field, { decided, passed }]) => `  ${field}: decided ${decided}, passed ${passed}`);
    return [`${this.comparisons} comparisons`, ...lines, ...fields].join("\n");
  }
}

interface RuleFields {
  readonly policy: string;
  readonly rule: number;
  readonly fields: ReadonlySet<string>;
}

function fieldsOfRules(policy: AuthorizationPolicy): readonly RuleFields[] {
  const action = policy.spec?.action ?? "ALLOW";
  return (policy.spec?.rules ?? []).map((rule, index) => ({
    policy: `${policy.metadata.namespace}/${policy.metadata.name}`,
    rule: index,
    fields: new Set(fieldsOf(rule).map((field) => `${action} ${field}`)),
  }));
}

function fieldsOf(rule: Rule): readonly string[] {
  const filled = (entry: object | undefined): string[] =>
    Object.entries(entry ?? {}).flatMap(([field, values]) => (values.length > 0 ? [field] : []));
  return [
    ...(rule.from ?? []).flatMap(({ source }) => filled(source)),
    ...(rule.to ?? []).flatMap(({ operation }) => filled(operation)),
    ...(rule.when ?? []).flatMap(({ key, values = [], notValues = [] }) => [
      ...(values.length > 0 ? [`when ${key}`] : []),
      ...(notValues.length > 0 ? [`when not ${key}`] : []),
    ]),
  ];
}

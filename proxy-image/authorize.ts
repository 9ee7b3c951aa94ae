import type { ProxyConfig, ProxyRule } from "../policy/compile/proxy/config.ts";
import {
  buildTable,
  type DecisionTable,
  decide,
  type PrincipalChain,
  type Verdict,
} from "../policy/decide/index.ts";

/** One connection's question. */
export interface Question {
  readonly service: string;
  readonly port: number;
  readonly principal: PrincipalChain;
  readonly sourceIp: string;
  readonly sni?: string | undefined;
}

/**
 * The verdicts of one configuration. The semantics are `policy/decide`, the same as everywhere; here are only the
 * rules of this proxy, indexed, and the moments at which a verdict can change by itself.
 */
export class Judge {
  readonly #table: DecisionTable;
  /** The same estate with one service, of which there is no rule. */
  readonly #bare: DecisionTable;
  /** By service and id. */
  readonly #rules = new Map<string, Map<string, ProxyRule>>();
  readonly #moments: readonly number[];
  readonly #byService: ReadonlyMap<string, readonly ProxyRule[]>;

  constructor(config: ProxyConfig) {
    const estate = {
      trustDomain: config.trust.trustDomain,
      trustDomainAliases: config.trust.aliases,
      agents: config.agents.filter(({ disabled }) => !disabled),
    };
    this.#table = buildTable({
      ...estate,
      services: config.services.map(({ name, ports }) => ({ name, ports: ports.map(({ port }) => port) })),
      rules: config.rules.map((rule) => ({ ...rule, via: ["proxy"] })),
    });
    this.#bare = buildTable({ ...estate, services: [{ name: "", ports: [1] }], rules: [] });
    for (const rule of config.rules) {
      const ofService = this.#rules.get(rule.service) ?? new Map<string, ProxyRule>();
      this.#rules.set(rule.service, ofService.set(rule.id, rule));
    }
    this.#byService = Map.groupBy(config.rules, ({ service }) => service);
    const moments = config.rules.flatMap(({ when }) => [when.notBefore, when.expires]);
    moments.push(...config.agents.map(({ expires }) => expires));
    this.#moments = [...new Set(moments.filter((moment) => moment !== undefined))].sort((a, b) => a - b);
  }

  /** @param at epoch milliseconds */
  judge(question: Question, at: number): Verdict {
    return decide(this.#table, { via: "proxy", ...question }, at);
  }

  /**
   * Why somebody would be refused at a service of which there is no rule at all: what is told of a service that does not
   * exist, and of one of which the asker is to know nothing.
   *
   * @param at epoch milliseconds
   */
  reasonWithoutRules(principal: PrincipalChain, at: number): Verdict["reason"] {
    return decide(this.#bare, { via: "proxy", service: "", port: 1, principal }, at).reason;
  }

  /** A rule that a verdict rests on. One grant to several services is several rules of one name. */
  rule(service: string, id: string): ProxyRule | undefined {
    return this.#rules.get(service)?.get(id);
  }

  /** All rules of a service, for saying what somebody who is refused is missing. */
  rulesOf(service: string): readonly ProxyRule[] {
    return this.#byService.get(service) ?? [];
  }

  /** The next moment after `at` when a rule or an agent begins or ends: live connections are judged again then. */
  nextChange(at: number): number | undefined {
    return this.#moments.find((moment) => moment > at);
  }
}

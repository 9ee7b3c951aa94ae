import type { Connection, Person } from "../decide/connection.ts";
import type { Via } from "../decide/rule.ts";
import { PolicyError } from "../finding.ts";
import { didYouMean } from "../load/suggest.ts";
import type { Model, Service } from "./types.ts";

/** A question as a person asks it. */
export interface Question {
  /**
   * `shop/api` (a workload), `okta:alice@example.com` or `okta:dba` (a user or group of an identity provider),
   * `agent:triage`, an IAM role's ARN, an IP address, or a SPIFFE ID. Several links of one chain are joined by `+`:
   * `ops/bastion+okta:dba`.
   */
  readonly from: string;
  /** `orders-db` or `orders-db:5432`. Without a port, the service must have exactly one. */
  readonly to: string;
  /** @default where the service's verdict falls: people and agents the proxy; workloads the mesh, or the proxy for an external service */
  readonly via?: Via | undefined;
  /** Address of the client. */
  readonly sourceIp?: string | undefined;
  /** Server name in the client's TLS. */
  readonly sni?: string | undefined;
}

/**
 * Turns a question into the connection that `decide` judges.
 *
 * @throws PolicyError when it names something that the policies do not know (PR115).
 */
export function connectionOf(model: Model, question: Question): Connection {
  const { service, port } = destination(model, question.to);
  const links = question.from.split("+").map((text) => linkOf(model, text.trim()));
  const person = links.reduce<Person | undefined>((all, link) => mergePerson(all, link.person), undefined);
  const workload = links.find((link) => link.workload !== undefined)?.workload;
  const agent = links.find((link) => link.agent !== undefined)?.agent;
  const sourceIp = question.sourceIp ?? links.find((link) => link.sourceIp !== undefined)?.sourceIp;
  const needsProxy = person !== undefined || agent !== undefined || service.enforcement === "proxy";
  return {
    via: question.via ?? (needsProxy ? "proxy" : "mesh"),
    service: service.name,
    port,
    principal: { workload, person, agent },
    sourceIp,
    sni: question.sni,
  };
}

interface Link {
  readonly workload?: string;
  readonly person?: Person;
  readonly agent?: string;
  readonly sourceIp?: string;
}

function linkOf(model: Model, text: string): Link {
  if (text.startsWith("spiffe://")) return { workload: text };
  if (text.startsWith("arn:")) return { person: { awsRole: text } };
  if (text.startsWith("agent:")) {
    const name = text.slice("agent:".length);
    if (!model.agents.has(name)) throw unknown("agent", name, model.agents.keys());
    return { agent: name };
  }
  if (/^[\d.]+$/.test(text) || /^[\da-f]*:[\da-f:.]*:[\da-f:.]*$/i.test(text)) return { sourceIp: text };
  if (text.includes(":")) return { person: personOf(model, text) };
  const workload = model.workloads.get(text);
  if (!workload) throw unknown("workload", text, model.workloads.keys());
  return { workload: workload.spiffeId };
}

/** `provider:name` may be a user or a group; it is a group when the policies speak of such a group. */
function personOf(model: Model, text: string): Person {
  const provider = text.slice(0, text.indexOf(":"));
  const providers = model.trust.spec.identityProviders.oidc.map((known) => known.name);
  if (!providers.includes(provider)) throw unknown("identity provider", provider, providers);
  const isGroup = [...model.groups.values()].some((group) => group.idpGroups.includes(text));
  return isGroup ? { groups: [text] } : { user: text };
}

function mergePerson(all: Person | undefined, next: Person | undefined): Person | undefined {
  if (!all || !next) return all ?? next;
  return {
    user: all.user ?? next.user,
    awsRole: all.awsRole ?? next.awsRole,
    groups: [...(all.groups ?? []), ...(next.groups ?? [])],
  };
}

function destination(model: Model, to: string): { service: Service; port: number } {
  const colon = to.lastIndexOf(":");
  const name = colon < 0 ? to : to.slice(0, colon);
  const service = model.services.get(name);
  if (!service) throw unknown("service", name, model.services.keys());
  if (colon >= 0) {
    const port = Number(to.slice(colon + 1));
    if (service.ports.some((known) => known.port === port)) return { service, port };
    throw unknown(
      `port of ${name}`,
      to.slice(colon + 1),
      service.ports.map((known) => String(known.port)),
    );
  }
  const [only, ...more] = service.ports;
  if (only && more.length === 0) return { service, port: only.port };
  throw unknown(
    `port: ${name} has several, write ${name}:PORT;`,
    "",
    service.ports.map((known) => String(known.port)),
  );
}

function unknown(what: string, name: string, candidates: Iterable<string>): PolicyError {
  const known = [...candidates];
  const shown = known.slice(0, 20).join(", ") + (known.length > 20 ? ", …" : "");
  return new PolicyError([
    {
      rule: "PR115",
      severity: "error",
      message: `unknown ${what} "${name}"${didYouMean(name, known)}`,
      fix: shown === "" ? "the policies define none" : `known: ${shown}`,
    },
  ]);
}

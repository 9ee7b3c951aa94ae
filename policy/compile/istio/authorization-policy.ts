import { canonicalJson } from "../../model/canonical.ts";
import { joinName } from "../../model/names.ts";
import type { Rule, Service } from "../../model/types.ts";
import type { Owner, Target } from "../target.ts";
import { authorizationRules } from "./authorization-rules.ts";
import type { IstioContext } from "./context.ts";
import { emit, labelsOf, SECURITY } from "./emit.ts";
import type { IstioObject } from "./objects.ts";
import { type KeyedRule, splitRules } from "./split.ts";

/** Room for `.NNNN`, the number of a part, within the limit of a name. */
const MAX_BASE = 58;

/** Where the verdict on a service falls in the mesh: its own pods, or the egress gateway's; undefined at the proxy. */
interface Point {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

function pointOf(context: IstioContext, service: Service): Point | undefined {
  const { location } = service.spec;
  if (location.type === "mesh") return { namespace: location.namespace, labels: location.selector };
  const gateway = context.cluster.egressGateway;
  if (service.enforcement !== "gateway" || !gateway) return undefined;
  if (context.cluster.dataPlane === "ambient") return undefined;
  return { namespace: gateway.namespace, labels: gateway.selector };
}

/**
 * All rules of one service: an ALLOW policy that is there even without a rule (then it denies everybody), and a DENY policy
 * if anything is denied.
 */
export function serviceAuthorization(context: IstioContext, service: Service): Target<IstioObject>[] {
  const point = pointOf(context, service);
  if (!point) return [];
  const rules = context.meshRules.get(service.name) ?? [];
  const make = (action: Rule["action"]) =>
    policies({
      context,
      point,
      service,
      action,
      name: `${action}-${service.name}`,
      owner: "TcpService",
      subject: service.name,
      labels: labelsOf(service, service.name),
      rules: rules.filter((rule) => rule.action === action),
    });
  return [...make("allow"), ...(rules.some((rule) => rule.action === "deny") ? make("deny") : [])];
}

/**
 * The rules of one grant as objects of their own, which add to those of other grants. A grant that opens an in-mesh service
 * through the proxy also lets the proxy itself through.
 */
export function grantAuthorization(context: IstioContext, grantName: string): Target<IstioObject>[] {
  const grant = context.model.grants.get(grantName);
  const service = grant && context.services.get(grant.spec.to.service);
  const point = service && pointOf(context, service);
  if (!grant || !service || !point) return [];
  const own = { owner: "AccessPolicy", subject: grantName, labels: labelsOf(grant, grantName) } as const;
  const rules = (context.meshRules.get(service.name) ?? []).filter(
    (rule) => rule.source === "grant" && rule.id === grantName,
  );
  const made =
    rules.length === 0
      ? []
      : policies({
          context,
          point,
          service,
          action: grant.spec.action,
          name: `grant-${grantName}`,
          rules,
          ...own,
        });
  return [...made, ...admission(context, service, point, grantName, own)];
}

function admission(
  context: IstioContext,
  service: Service,
  point: Point,
  grantName: string,
  own: Pick<PolicyInput, "owner" | "subject" | "labels">,
): Target<IstioObject>[] {
  const opened = context.model.rules.filter(
    (rule) =>
      rule.id === grantName &&
      rule.action === "allow" &&
      rule.source === "grant" &&
      rule.via.includes("proxy"),
  );
  const whole = (context.meshRules.get(service.name) ?? []).find((rule) => rule.source === "admission");
  if (!whole || opened.length === 0) return [];
  const ports = [...new Set(opened.flatMap((rule) => rule.ports))].sort((a, b) => a - b);
  return policies({
    context,
    point,
    service,
    action: "allow",
    name: `admit-${grantName}`,
    rules: [{ ...whole, id: grantName, ports }],
    ...own,
  });
}

/** Denies everybody at a service until a grant's own policy allows: the base that grants add to. */
export function defaultDeny(context: IstioContext, service: Service): Target<IstioObject>[] {
  const point = pointOf(context, service);
  if (!point) return [];
  return policies({
    context,
    point,
    service,
    action: "allow",
    name: `default-deny-${service.name}`,
    owner: "TcpService",
    subject: service.name,
    labels: labelsOf(service, service.name),
    rules: [],
  });
}

interface PolicyInput {
  readonly context: IstioContext;
  readonly point: Point;
  readonly service: Service;
  readonly action: Rule["action"];
  readonly name: string;
  readonly owner: Owner;
  readonly subject: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rules: readonly Rule[];
}

function policies(input: PolicyInput): Target<IstioObject>[] {
  const { context, point, service, action, name, owner, subject, labels, rules } = input;
  const keyed = rules.flatMap((rule) =>
    authorizationRules(context, service, rule).map(
      (made): KeyedRule => ({ key: `${rule.id} ${canonicalJson(made)}`, rule: made }),
    ),
  );
  const grants = rules.filter((rule) => rule.source === "grant").map((rule) => `Grant/${rule.id}`);
  const base = joinName([name], MAX_BASE);
  return [...splitRules(keyed)].map(([part, some]) =>
    emit(owner, subject, [`Service/${service.name}`, ...grants], {
      apiVersion: SECURITY,
      kind: "AuthorizationPolicy",
      // A dot is in no policy name, so a part is never mistaken for another service's object.
      metadata: { name: part === 0 ? base : `${base}.${part}`, namespace: point.namespace, labels },
      spec: {
        selector: { matchLabels: point.labels },
        action: action === "allow" ? "ALLOW" : "DENY",
        ...(some.length > 0 && { rules: some }),
      },
    }),
  );
}

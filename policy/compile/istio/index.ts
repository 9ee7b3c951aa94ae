import { compareFindings, compareText, type Finding } from "../../finding.ts";
import type { Compiled, CompileInput, Target } from "../target.ts";
import { defaultDeny, grantAuthorization, serviceAuthorization } from "./authorization-policy.ts";
import { awsEndpointEntries } from "./aws-endpoints.ts";
import { type IstioContext, istioContext } from "./context.ts";
import { destinationRules } from "./destination-rule.ts";
import { estateFindings, grantFindings, serviceFindings, workloadFindings } from "./findings.ts";
import { gateways } from "./gateway.ts";
import type { IstioObject } from "./objects.ts";
import { peerAuthentications } from "./peer-authentication.ts";
import { serviceEntries } from "./service-entry.ts";
import { sidecars } from "./sidecar.ts";
import { telemetries } from "./telemetry.ts";
import { virtualServices } from "./virtual-service.ts";

/**
 * Every Istio object of a model in one cluster. With an `error` finding, what is there must not be deployed: some verdict
 * would differ from `decide`.
 */
export function compileIstio(input: CompileInput): Compiled<IstioObject> {
  const context = istioContext(input);
  const { model, grouping } = context;
  return compiled(
    [
      ...[...context.services.keys()].flatMap((name) => routingOf(context, name)),
      ...(grouping === "service" ? fromWholeSet(context) : fromSingleGrants(context)),
      ...guardsOf(context),
    ],
    [
      ...estateFindings(context),
      ...[...context.services.values()].flatMap((service) => serviceFindings(context, service)),
      ...[...model.grants.keys()].flatMap((name) => grantFindings(context, name)),
      ...[...context.workloads.values()].flatMap((workload) => workloadFindings(context, workload)),
    ],
  );
}

function fromWholeSet(context: IstioContext): Target<IstioObject>[] {
  return [
    ...[...context.services.values()].flatMap((service) => serviceAuthorization(context, service)),
    ...[...context.workloads.values()].flatMap((workload) => sidecars(context, workload)),
  ];
}

/** Without Sidecar scopes, which do not add up: one that knows a single grant would cut off what the others grant. */
function fromSingleGrants(context: IstioContext): Target<IstioObject>[] {
  return [
    ...[...context.services.values()].flatMap((service) => defaultDeny(context, service)),
    ...[...context.model.grants.keys()].flatMap((name) => grantAuthorization(context, name)),
  ];
}

/** What routes one service: entry, destination rules, routes, gateway servers. Owner `TcpService`. */
export function compileServiceRouting(input: CompileInput, serviceName: string): Compiled<IstioObject> {
  const context = istioContext(input);
  const service = context.services.get(serviceName);
  return compiled(routingOf(context, serviceName), service ? serviceFindings(context, service) : []);
}

/**
 * One service's verdict as one object from the whole set of grants; with `grouping: "grant"`, the default deny that grants
 * add to. Owner `TcpService`.
 */
export function compileServiceAuthorization(input: CompileInput, serviceName: string): Compiled<IstioObject> {
  const context = istioContext(input);
  const service = context.services.get(serviceName);
  if (!service) return compiled([], []);
  const make = context.grouping === "service" ? serviceAuthorization : defaultDeny;
  return compiled(make(context, service), []);
}

/** One grant as objects that add to those of other grants. Owner `AccessPolicy`. */
export function compileGrantAuthorization(input: CompileInput, grantName: string): Compiled<IstioObject> {
  const context = istioContext(input);
  return compiled(grantAuthorization(context, grantName), grantFindings(context, grantName));
}

/** What one workload's sidecar knows. Owner `WorkloadIdentity`. */
export function compileWorkloadScope(input: CompileInput, workloadId: string): Compiled<IstioObject> {
  const context = istioContext(input);
  const workload = context.workloads.get(workloadId);
  if (!workload) return compiled([], []);
  return compiled(sidecars(context, workload), workloadFindings(context, workload));
}

/**
 * What holds whether or not a grant exists: mutual TLS, access log and metrics. Owner `MeshGuards`.
 */
export function compileGuards(input: CompileInput): Compiled<IstioObject> {
  const context = istioContext(input);
  return compiled(guardsOf(context), estateFindings(context));
}

function routingOf(context: IstioContext, serviceName: string): Target<IstioObject>[] {
  const service = context.services.get(serviceName);
  if (!service) return [];
  return [
    ...serviceEntries(context, service),
    ...destinationRules(context, service),
    ...virtualServices(context, service),
    ...gateways(context, service),
  ];
}

function guardsOf(context: IstioContext): Target<IstioObject>[] {
  return [...peerAuthentications(context), ...telemetries(context), ...awsEndpointEntries(context)];
}

function compiled(
  targets: readonly Target<IstioObject>[],
  findings: readonly Finding[],
): Compiled<IstioObject> {
  return {
    targets: [...targets].sort((a, b) => compareText(a.key, b.key)),
    findings: [...findings].sort(compareFindings),
  };
}

export type * from "./objects.ts";
export type { IstioObject } from "./objects.ts";

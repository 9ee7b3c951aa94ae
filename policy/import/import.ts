import type { PolicyObject } from "../load/index.ts";
import { sourceBlocks } from "../reach/cuts.ts";
import type { AddressSet } from "../sets/addresses.ts";
import { findCallers } from "./callers.ts";
import { checkImport } from "./check.ts";
import { type Destination, findDestinations } from "./destinations.ts";
import { findExternals } from "./external.ts";
import { customPolicies } from "./http.ts";
import { importExternal } from "./import-external.ts";
import { importInMesh } from "./import-mesh.ts";
import type { Job } from "./job.ts";
import { leftOver } from "./left-over.ts";
import { findMesh } from "./mesh.ts";
import { Network } from "./network.ts";
import { keepApart, leaveGateways } from "./overlap.ts";
import { readEstate } from "./read.ts";
import { Regions } from "./regions.ts";
import { Today } from "./today.ts";
import { trustOf } from "./trust.ts";
import type { Difference, ImportOptions, ImportResult, ImportSource, NoEqual } from "./types.ts";
import { waiversFor } from "./waivers.ts";
import { workloadsOf } from "./workloads.ts";

/**
 * Policy documents with the verdicts that Istio and Kubernetes objects give today, what has no equal, and every difference
 * that is left: the caller decides whether they may be written.
 *
 * @throws PolicyError when an object cannot be read.
 */
export function importObjects(source: ImportSource, options: ImportOptions): ImportResult {
  const estate = readEstate(source);
  const noEqual: NoEqual[] = [...estate.noEqual];
  const { mesh, inMesh, outside, notes } = findMesh(estate, options);
  const wanted = ({ namespace }: { readonly namespace: string }) =>
    options.namespaces === undefined || options.namespaces.includes(namespace);

  const services = leaveGateways(estate, mesh.rootNamespace, noEqual).filter(wanted);
  const destinations = keepApart(findDestinations(services, inMesh, outside, noEqual), noEqual);
  const taken = new Set(destinations.map(({ name }) => name));
  const externals = findExternals(
    { ...estate, serviceEntries: estate.serviceEntries.filter(wanted) },
    taken,
    mesh.dataPlane === "ztunnel",
    noEqual,
  );

  const blocks: AddressSet[] = [
    ...sourceBlocks(estate.security),
    ...estate.cluster.policies.flatMap((policy) => policy.blocks.ingress),
  ];
  const regions = new Regions(blocks);
  const callers = findCallers(
    inMesh,
    [...estate.cluster.declared, ...services.map(({ namespace }) => namespace)],
    estate.security,
    [mesh.trustDomain, ...mesh.aliases, "cluster.local"],
  );
  const network = new Network(source.objects, estate.cluster, callers.namespaces, blocks, mesh);
  const today = new Today(estate.security, mesh, regions, network);

  const positionOf = (rule: string) => {
    const hash = rule.lastIndexOf("#");
    return estate.positionOfRule(rule.slice(0, hash), Number(rule.slice(hash + 1)));
  };
  const describe = (rule: string) => {
    const hash = rule.lastIndexOf("#");
    const position = positionOf(rule);
    const where = position ? ` (${position.file}:${position.line})` : "";
    return `AuthorizationPolicy ${rule.slice(0, hash)} rule ${rule.slice(hash + 1)}${where}`;
  };
  const job: Job = {
    estate,
    mesh,
    callers,
    regions,
    today,
    options,
    describe,
    noEqual,
    grantNames: new Set(),
  };
  const imported = [
    ...destinations.flatMap((destination) => importInMesh(job, destination) ?? []),
    ...externals.flatMap((external) => importExternal(job, external) ?? []),
  ];
  const documents = [
    trustOf(mesh, externals, options),
    ...imported.map(({ service }) => service),
    ...workloadsOf(callers.named, inMesh, options.owner, noEqual),
    ...imported.flatMap(({ grants }) => grants),
    ...waiversFor(imported, options, noEqual),
  ];
  noEqual.push(...leftOver(estate, externals, outside));

  const inMeshImported = imported.flatMap(({ destination }) => destination ?? []);
  const externalImported = imported.flatMap(({ external }) => external ?? []);
  const checked = checkImport({
    documents: documents.map(({ document }): PolicyObject => document),
    destinations: inMeshImported,
    leftOut: destinations.filter(({ name }) => !inMeshImported.some((each) => each.name === name)),
    security: estate.security,
    externals: externalImported,
    callers,
    regions,
    today,
    mesh,
    describe,
    positionOf,
  });
  const custom = inMeshImported.flatMap((destination) => withoutAuthorizer(job, destination));
  return {
    ...checked,
    differences: [...checked.differences, ...custom],
    documents,
    noEqual,
    notes: [...notes, ...estate.warnings.map(({ message }) => message)],
  };
}

/** Whom an external authorizer refuses today, grants would let in: nobody can say who that is, so all of it is a difference. */
function withoutAuthorizer({ estate, mesh }: Job, destination: Destination): Difference[] {
  return destination.ports.flatMap(({ port, targetPort }) =>
    customPolicies(estate.security, destination.pods, targetPort, mesh).map((policy): Difference => {
      const position = estate.positionOfRule(policy, -1);
      return {
        change: "wider",
        service: destination.name,
        port,
        callers: ["whoever is granted and an external authorizer refuses"],
        by: `AuthorizationPolicy ${policy}, action CUSTOM; keep it, and nothing changes`,
        ...(position && { position }),
      };
    }),
  );
}

import { API_VERSION, type ServiceSpecInput } from "../schema/index.ts";
import type { Caller } from "./callers.ts";
import type { Destination, DestinationPort } from "./destinations.ts";
import { grantsOf } from "./grants.ts";
import { httpRules } from "./http.ts";
import { type Imported, type Job, noteOpen } from "./job.ts";
import { limitsOf } from "./limits.ts";
import { type Mask, NOWHERE } from "./regions.ts";
import { type PortAccess, synthesize } from "./synthesize.ts";

/** A Service of the mesh with its grants; undefined where it is left as it is. */
export function importInMesh(job: Job, whole: Destination): Imported | undefined {
  const { today, callers, regions, options, noEqual } = job;
  const ports = whole.ports.filter((port) => isTcp(job, whole, port));
  const destination = { ...whole, ports };
  const subject = `Service ${whole.namespace}/${whole.serviceName}`;
  if (ports.length === 0) return undefined;
  const access = new Map<number, PortAccess>();
  for (const { port, targetPort } of ports) {
    const cellOf = (caller: Caller) => today.cell(destination.pods, targetPort, caller);
    access.set(port, synthesize(callers, cellOf, regions, options.openAs));
  }
  const open = ports.filter(({ port }) => access.get(port)?.open === true).map(({ port }) => port);
  if (open.length > 0) noteOpen(job, subject, open, open.length === ports.length, whole.position);
  if (options.openAs === "list" && open.length === ports.length) return undefined;
  if (!whole.podsKnown)
    noEqual.push({
      subject,
      message:
        "the folder has no pods of it: policies are taken to see pods with just the labels of its selector",
      position: whole.position,
    });
  const plaintext = acceptsPlaintext(job, destination, access);
  return {
    name: whole.name,
    service: {
      document: {
        apiVersion: API_VERSION,
        kind: "Service",
        metadata: { name: whole.name },
        spec: inMeshSpec(job, destination, plaintext),
      },
      comments: [
        `from ${subject} (${whole.position.file}:${whole.position.line})`,
        ...(whole.also.length > 0
          ? [`also reached as ${whole.also.join(", ")}, which lead to the same pods`]
          : []),
      ],
    },
    grants: grantsOf({
      service: whole.name,
      ports: ports.map(({ port }) => port),
      access,
      regions,
      owner: options.owner,
      describe: job.describe,
      openBecause:
        "no AuthorizationPolicy of action ALLOW selects its pods: today whoever reaches them gets in",
      taken: job.grantNames,
    }),
    destination,
    plaintext,
  };
}

/** Conditions on requests hold where Istio parses HTTP, and Portreeve has none: such a port stays with Istio. */
function isTcp(
  job: Job,
  { pods, namespace, serviceName, position }: Destination,
  port: DestinationPort,
): boolean {
  const rules = httpRules(job.estate.security, pods, port.targetPort, job.mesh);
  if (rules.length === 0) return true;
  const names = rules.map(({ policy, rule, action }) => `${action} ${policy} rule ${rule}`).join(", ");
  const subject = `Service ${namespace}/${serviceName} port ${port.port}`;
  if (port.http) {
    job.noEqual.push({
      subject,
      message: `it is HTTP and judged by requests (${names}): Portreeve judges connections only; the port is left out, keep these policies for it`,
      position,
    });
    return false;
  }
  job.noEqual.push({
    subject,
    message: `${names}: conditions on requests, on a port that is taken for TCP${port.declared ? "" : " (its protocol is not declared)"}: Istio drops an ALLOW rule there and widens a DENY; the grants say what Istio does`,
    position,
  });
  return true;
}

/** Only where it lets nobody in whom today refuses: who has no certificate is judged by address alone. */
function acceptsPlaintext(
  { today, options }: Job,
  { pods, ports }: Destination,
  access: ReadonlyMap<number, PortAccess>,
): boolean {
  if (options.waiver === undefined) return false;
  const asked = ports.map(({ port, targetPort }) => ({
    granted: anyoneMask(access.get(port)),
    today: today.cell(pods, targetPort, null).mask,
  }));
  return (
    asked.every((each) => (each.granted & ~each.today) === NOWHERE) &&
    asked.some(({ granted }) => granted !== NOWHERE)
  );
}

function anyoneMask(access: PortAccess | undefined): Mask {
  return (access?.entries ?? [])
    .filter(({ subject, action }) => subject.kind === "anyone" && action === "allow")
    .reduce((mask, entry) => mask | entry.mask, NOWHERE);
}

function inMeshSpec(job: Job, destination: Destination, plaintext: boolean): ServiceSpecInput {
  const { name, serviceName, namespace, selector, ports } = destination;
  const { owner } = job.options;
  return {
    protocol: mainProtocol(ports),
    ports: ports.map(({ port, targetPort }) => (port === targetPort ? port : { port, targetPort })),
    location: {
      type: "mesh",
      namespace,
      selector: { ...selector },
      ...(serviceName !== name && { serviceName }),
    },
    ...(plaintext && { tls: { mode: "none" } }),
    ...limitsFor(job, destination),
    ...(owner !== undefined && { owner }),
  };
}

/** The one protocol that says more than tcp; in the mesh it only names ports, so that Istio never has to detect it. */
function mainProtocol(ports: readonly DestinationPort[]): DestinationPort["protocol"] {
  const [first, ...others] = new Set(ports.map(({ protocol }) => protocol).filter((each) => each !== "tcp"));
  return first !== undefined && others.length === 0 ? first : "tcp";
}

function limitsFor(job: Job, { namespace, serviceName }: Destination): ReturnType<typeof limitsOf>["limits"] {
  const rule = job.estate.destinationRules.find((each) => {
    const { host } = each.object.spec;
    const full = host.includes(".") ? host : `${host}.${each.namespace}`;
    return full === `${serviceName}.${namespace}` || full.startsWith(`${serviceName}.${namespace}.svc`);
  });
  if (rule === undefined) return {};
  const { limits, lost } = limitsOf(rule);
  const mode = rule.object.spec.trafficPolicy?.tls?.mode;
  const note = (message: string) =>
    job.noEqual.push({
      subject: `DestinationRule ${rule.namespace}/${rule.name}`,
      message,
      position: rule.position,
    });
  for (const message of lost) note(message);
  if (mode === "DISABLE" || mode === "SIMPLE" || mode === "MUTUAL")
    note(
      `tls.mode ${mode} makes clients come without their identity: Portreeve leaves \`tls\` to Istio, so that clients come with it; remove the rule`,
    );
  if (job.mesh.dataPlane === "ztunnel" && Object.keys(limits).length > 0) {
    note("ztunnel does not read it, today or after: its limits are left out");
    return {};
  }
  return limits;
}

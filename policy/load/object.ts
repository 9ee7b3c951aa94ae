import { fileURLToPath } from "node:url";
import type { Position } from "../finding.ts";
import {
  type AgentSpecInput,
  API_VERSION,
  type DocumentInput,
  type GrantSpecInput,
  type GroupSpecInput,
  type Kind,
  type ServiceSpecInput,
  type TrustSpecInput,
  type WaiverSpecInput,
  type WorkloadSpecInput,
} from "../schema/index.ts";
import type { RawDocument } from "./source.ts";

/** A policy object made in TypeScript: the same document as in YAML. */
export type PolicyObject = { [K in Kind]: DocumentInput<K> }[Kind];

/** Names and labels of a policy object; a plain string is just the name. */
export type Naming =
  | string
  | {
      readonly name: string;
      readonly labels?: Record<string, string>;
      readonly annotations?: Record<string, string>;
    };

/** A frame of a stack: `at name (place:line:col)` or `at place:line:col`; the place may hold spaces. */
const FRAME = /^ +at (?:.*?\((.+)|(?:async )?(.+?)):(\d+):(\d+)\)?$/m;

const positions = new WeakMap<object, Position>();

/** The Trust of the estate. @example trust("estate", { trustDomain: "prod.example.com", clusters: [{ name: "use1", dataPlane: "sidecar", istioVersion: "1.31" }] }) */
export function trust(naming: Naming, spec: TrustSpecInput): DocumentInput<"Trust"> {
  return at({ apiVersion: API_VERSION, kind: "Trust", metadata: metadata(naming), spec }, trust);
}

/** A Service. @example service("orders-db", { protocol: "postgres", hosts: ["db.example.com"], ports: [5432], location: { type: "external" } }) */
export function service(naming: Naming, spec: ServiceSpecInput): DocumentInput<"Service"> {
  return at({ apiVersion: API_VERSION, kind: "Service", metadata: metadata(naming), spec }, service);
}

/** A Workload, by its id. @example workload("shop/api", { selector: { app: "api" } }) */
export function workload(id: string, spec: WorkloadSpecInput = {}): DocumentInput<"Workload"> {
  const slash = id.indexOf("/");
  const naming = { namespace: id.slice(0, Math.max(0, slash)), name: id.slice(slash + 1) };
  return at({ apiVersion: API_VERSION, kind: "Workload", metadata: naming, spec }, workload);
}

/** A Group. @example group("dba", { members: { idpGroups: ["okta:dba"] } }) */
export function group(naming: Naming, spec: GroupSpecInput): DocumentInput<"Group"> {
  return at({ apiVersion: API_VERSION, kind: "Group", metadata: metadata(naming), spec }, group);
}

/** An Agent. */
export function agent(naming: Naming, spec: AgentSpecInput): DocumentInput<"Agent"> {
  return at({ apiVersion: API_VERSION, kind: "Agent", metadata: metadata(naming), spec }, agent);
}

/** A Grant. @example grant("api-orders", { from: { workloads: ["shop/api"] }, to: { service: "orders-db" } }) */
export function grant(naming: Naming, spec: GrantSpecInput): DocumentInput<"Grant"> {
  return at({ apiVersion: API_VERSION, kind: "Grant", metadata: metadata(naming), spec }, grant);
}

/** A Waiver. */
export function waiver(naming: Naming, spec: WaiverSpecInput): DocumentInput<"Waiver"> {
  return at({ apiVersion: API_VERSION, kind: "Waiver", metadata: metadata(naming), spec }, waiver);
}

function metadata(naming: Naming): {
  name: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
} {
  return typeof naming === "string" ? { name: naming } : { ...naming };
}

/** A function or a class, as `Error.captureStackTrace` takes it. */
type Builder = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** Remembers which line called the builder, so that a finding in a TypeScript policy has a position too. */
function at<T extends object>(object: T, builder: Builder): T {
  const position = callerPosition(builder);
  if (position) positions.set(object, position);
  return object;
}

/** Gives an object the position of the code that called `below`; for builders on top of these. */
export function callerPosition(below: Builder): Position | undefined {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, below);
  const frame = FRAME.exec(holder.stack ?? "");
  if (!frame) return undefined;
  const [, named, plain, line, col] = frame;
  const where = named ?? plain ?? "";
  const file = where.startsWith("file://") ? fileURLToPath(where) : where;
  return { file, line: Number(line), col: Number(col) };
}

/** States where an object was written, when the builder's own caller is not the place. */
export function setPosition<T extends object>(object: T, position: Position): T {
  positions.set(object, position);
  return object;
}

/** A TypeScript object as the checker reads it. Every path of it has the position of its builder call. */
export function rawDocument(object: PolicyObject): RawDocument {
  const position = positions.get(object);
  return { value: object, position, locate: () => position };
}

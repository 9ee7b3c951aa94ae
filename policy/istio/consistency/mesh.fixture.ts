import { parseAllDocuments } from "yaml";
import { checkMesh, type MeshOptions } from "./index.ts";

/** Objects of a YAML text. */
export function objectsOf(text: string): unknown[] {
  return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
}

/** `rule object message` of everything that is found. */
export function findingsIn(text: string, options?: MeshOptions): string[] {
  return checkMesh(objectsOf(text), undefined, options).map(
    ({ rule, object, message }) => `${rule} ${object}: ${message}`,
  );
}

/** The rule ids that are found. */
export function rulesIn(text: string, options?: MeshOptions): string[] {
  return checkMesh(objectsOf(text), undefined, options).map(({ rule }) => rule);
}

interface PodOptions {
  readonly labels?: string;
  readonly annotations?: string;
  readonly spec?: string;
}

export const namespace = (name: string, labels = "istio-injection: enabled"): string =>
  `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { ${labels} } }\n---\n`;

export const pod = (name: string, { labels = "", annotations = "", spec = "" }: PodOptions = {}): string =>
  `apiVersion: v1
kind: Pod
metadata: { namespace: shop, name: ${name}, labels: { app: db${labels && `, ${labels}`} }, annotations: { ${annotations} } }
spec: { ${spec && `${spec}, `}containers: [{ name: db, image: db, ports: [{ name: sql, containerPort: 5432 }] }] }
---
`;

/** A Service `db` in `shop`, port 5432 of pods `app: db`. */
export const service = (port = "{ name: tcp-sql, port: 5432 }", rest = ""): string =>
  `apiVersion: v1
kind: Service
metadata: { namespace: shop, name: db }
spec: { selector: { app: db }, ports: [${port}]${rest && `, ${rest}`} }
---
`;

export const rule = (spec: string, name = "db", at = "shop"): string =>
  `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { namespace: ${at}, name: ${name} }
spec: { ${spec} }
---
`;

export const peer = (spec: string, name = "db", at = "shop"): string =>
  `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { namespace: ${at}, name: ${name} }
spec: { ${spec} }
---
`;

export const authorization = (spec: string, name = "db"): string =>
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { namespace: shop, name: ${name} }
spec: { ${spec} }
---
`;

/** The tail of Service port and DestinationRule that the truth table is about. */
export const HOST = "host: db.shop.svc.cluster.local";
export const tls = (mode: string): string => `${HOST}, trafficPolicy: { tls: { ${mode} } }`;

/** A TCP ServiceEntry in `shop` for `NAME.example.com`. */
export const entry = (name: string, spec: string, port = "5432"): string =>
  `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { namespace: shop, name: ${name} }
spec: { hosts: [${name}.example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{ number: ${port}, name: tcp-db, protocol: TCP }]${spec && `, ${spec}`} }
---
`;

import type { Schema } from "./crd.ts";

const STRING: Schema = { type: "string" };
const STRINGS: Schema = { type: "array", items: STRING };
const SELECTOR: Schema = {
  type: "object",
  properties: {
    matchLabels: { type: "object", additionalProperties: STRING },
    matchExpressions: {
      type: "array",
      items: { type: "object", properties: { key: STRING, operator: STRING, values: STRINGS } },
    },
  },
};
const PORTS: Schema = {
  type: "array",
  items: {
    type: "object",
    properties: {
      protocol: STRING,
      port: { anyOf: [{ type: "integer", format: "int32" }, STRING] },
      endPort: { type: "integer", format: "int32" },
    },
  },
};
const PEERS: Schema = {
  type: "array",
  items: {
    type: "object",
    properties: {
      podSelector: SELECTOR,
      namespaceSelector: SELECTOR,
      ipBlock: { type: "object", properties: { cidr: STRING, except: STRINGS } },
    },
  },
};

/** The shape of a NetworkPolicy, as the API server decodes it; what the values mean is checked elsewhere. */
export const NETWORK_POLICY_SCHEMA: Schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        podSelector: SELECTOR,
        policyTypes: STRINGS,
        ingress: { type: "array", items: { type: "object", properties: { from: PEERS, ports: PORTS } } },
        egress: { type: "array", items: { type: "object", properties: { to: PEERS, ports: PORTS } } },
      },
    },
  },
};

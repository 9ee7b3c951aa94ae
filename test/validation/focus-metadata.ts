import type { Focus } from "./focus.ts";

export const METADATA_FOCUSES: readonly Focus[] = [
  {
    name: "object name",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63), "b.".repeat(60)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: text, namespace: "a" },
      spec: {},
    }),
  },
  {
    name: "namespace",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", namespace: text },
      spec: {},
    }),
  },
  {
    name: "generated name",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63), "b.".repeat(60)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { generateName: text, namespace: "a" },
      spec: {},
    }),
  },
  {
    name: "metadata label",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", labels: { [text]: "a" }, annotations: { [text]: "b" } },
      spec: {},
    }),
  },
  {
    name: "metadata label value",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", labels: { a: text }, finalizers: ["a/b"] },
      spec: {},
    }),
  },
  {
    name: "finalizer",
    pieces: ["a", "/", "-", ".", "_", "A", "1", "a".repeat(63)],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "x", finalizers: [text] },
      spec: {},
    }),
  },
  {
    name: "dry run",
    pieces: ["true", "false", "1", "0", "t", "F", "T", "RUE", "yes", "True", " "],
    object: (text) => ({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "x", annotations: { "istio.io/dry-run": text } },
      spec: {},
    }),
  },
];

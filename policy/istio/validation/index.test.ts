import { describe, expect, test } from "vitest";
import { formatPath, isValidatedKind, validateObject } from "./index.ts";

const meta = { name: "x", namespace: "app" };
const security = (kind: string, spec: unknown, more: object = {}): unknown => ({
  apiVersion: "security.istio.io/v1",
  kind,
  metadata: { ...meta, ...more },
  spec,
});
const networking = (kind: string, spec: unknown, more: object = {}): unknown => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { ...meta, ...more },
  spec,
});
const serviceEntry = (spec: object): unknown =>
  networking("ServiceEntry", {
    hosts: ["a.b"],
    ports: [{ number: 1, name: "tcp", protocol: "TCP" }],
    resolution: "DNS",
    ...spec,
  });
const explain = (object: unknown): string => {
  const { verdict, reasons } = validateObject(object);
  return [verdict, ...reasons.map(({ path, message }) => `${formatPath(path)}: ${message}`)].join(" | ");
};

describe("what is not an object of a known kind", () => {
  test.each([
    [null],
    [[]],
    ["x"],
    [{}],
    [{ kind: "Gateway" }],
    [{ apiVersion: "networking.istio.io/v9", kind: "Gateway" }],
  ])("%j is invalid", (object) => {
    expect(validateObject(object).verdict).toBe("invalid");
  });

  test("another group's Gateway is not Istio's", () => {
    expect(isValidatedKind({ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway" })).toBe(false);
    expect(isValidatedKind(networking("Gateway", {}))).toBe(true);
  });

  test("names from the prototype are no kinds", () => {
    expect(validateObject({ apiVersion: "constructor/v1", kind: "toString" }).verdict).toBe("invalid");
    expect(validateObject(security("PeerAuthentication", { constructor: 1 })).verdict).toBe("invalid");
  });
});

describe("what the API server does before it validates", () => {
  test("null stands for a field that is not set", () => {
    expect(explain(serviceEntry({ addresses: null, workloadSelector: null }))).toBe("valid");
  });

  test("null in a list stays, and is refused", () => {
    expect(explain(serviceEntry({ hosts: ["a.b", null] }))).toContain(
      "spec.hosts[1]: must be a string, not null",
    );
  });

  test("a status is dropped, whatever it is", () => {
    expect(explain({ ...Object(serviceEntry({})), status: "nonsense" })).toBe("valid");
  });

  test("unknown fields are refused, with the field that was meant", () => {
    expect(explain(serviceEntry({ export_to: ["."] }))).toContain(
      'spec.export_to: unknown field "export_to"; did you mean "exportTo"?',
    );
  });

  test("metadata is checked by Kubernetes' own rules", () => {
    expect(explain(security("PeerAuthentication", {}, { name: "UP" }))).toContain("metadata.name");
    expect(explain(security("PeerAuthentication", {}, { labels: { a: 1 } }))).toContain("put it in quotes");
    expect(
      explain({ apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata: {} }),
    ).toContain("metadata.name: is required");
  });
});

describe("warnings", () => {
  test("a DENY rule of HTTP attributes alone denies all TCP", () => {
    const rule = (to: object): unknown =>
      security("AuthorizationPolicy", { action: "DENY", rules: [{ to: [{ operation: to }] }] });
    expect(validateObject(rule({ methods: ["GET"] })).verdict).toBe("warning");
    expect(validateObject(rule({ methods: ["GET"], ports: ["80"] })).verdict).toBe("valid");
  });

  test("are lost in a subset, as Istio loses them", () => {
    const policy = { outlierDetection: { consecutiveErrors: 5 } };
    const rule = (spec: object): unknown => networking("DestinationRule", { host: "a.b", ...spec });
    expect(validateObject(rule({ trafficPolicy: policy })).verdict).toBe("warning");
    expect(validateObject(rule({ subsets: [{ name: "a", trafficPolicy: policy }] })).verdict).toBe("valid");
  });

  test("a TCP port without an address, where Istio allocates none", () => {
    expect(validateObject(serviceEntry({ resolution: "NONE" })).verdict).toBe("warning");
    expect(validateObject(serviceEntry({ resolution: "NONE", addresses: ["10.0.0.1"] })).verdict).toBe(
      "valid",
    );
  });
});

test("the dry-run annotation is for ALLOW and DENY, and says true or false", () => {
  const annotated = (spec: object, value: string): unknown =>
    security("AuthorizationPolicy", spec, { annotations: { "istio.io/dry-run": value } });
  expect(validateObject(annotated({}, "true")).verdict).toBe("valid");
  expect(validateObject(annotated({}, "yes")).verdict).toBe("invalid");
  expect(validateObject(annotated({ action: "AUDIT" }, "true")).verdict).toBe("invalid");
  expect(
    validateObject(security("PeerAuthentication", {}, { annotations: { "istio.io/dry-run": "true" } }))
      .verdict,
  ).toBe("invalid");
});

test("every refusal of an empty spec has a path that leads into the object", () => {
  const { reasons } = validateObject(networking("ServiceEntry", {}));
  expect(reasons.map(({ path }) => formatPath(path))).toEqual(["spec.hosts"]);
});

test("objects are not changed", () => {
  const object = serviceEntry({ addresses: null });
  const before = structuredClone(object);
  validateObject(object);
  expect(object).toEqual(before);
});

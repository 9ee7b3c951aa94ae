// Fixed objects: one good one of each kind, and refused ones with their reason. That the verdicts are Istio's own is
// shown by test/validation with the real API server's and istiod's code; here nothing but this package is needed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { formatPath, VALIDATED_KINDS, validateObject } from "./index.ts";

const TESTDATA = join(import.meta.dirname, "testdata");
const load = (file: string): unknown => parse(readFileSync(join(TESTDATA, file), "utf8"));
const reasonsOf = (object: unknown): readonly string[] =>
  validateObject(object).reasons.map(
    ({ path, message, severity }) => `${severity} ${formatPath(path)}: ${message}`,
  );

const BAD: Readonly<Record<string, string>> = {
  "ap-bad-port.yaml": 'error spec.rules[0].to[0].operation.ports[0]: "99999" is not a port',
  "ap-http-on-deny-unknown.yaml": "error spec: only one of targetRefs or selector can be set",
  "dr-no-host.yaml": "error spec.host: is required",
  "gw-dup.yaml": 'error spec.servers[1].port.name: port name "a" is used twice',
  "pa-portlevel-0.yaml": "error spec.portLevelMtls: port must be between 1-65535",
  "pa-portlevel-noselector.yaml": "error spec: portLevelMtls requires selector",
  "sc-empty-egress.yaml": "error spec.egress[0].hosts: at least one host is required",
  "se-bad-proto.yaml":
    'error spec.ports[0].protocol: protocol "WAT" is not supported; use one of TCP, UDP, GRPC, GRPC-WEB, HTTP, HTTP_PROXY, HTTP2, HTTPS, TLS, MONGO, REDIS, MYSQL',
  "se-cidr-dns.yaml": "error spec: CIDR addresses are allowed only for NONE/STATIC resolution types",
  "se-dup-port.yaml": "error spec.ports: port number cannot be duplicated",
  "se-enum.yaml":
    'error spec.resolution: "SRV" is not one of "NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"',
  "se-none-endpoints.yaml": "error spec: NONE mode cannot set endpoints",
  "se-port-range.yaml": "error spec.ports[0].number: port must be between 1-65535; found 70000",
  "se-selector-endpoints.yaml": "error spec: only one of WorkloadSelector or Endpoints can be set",
  "se-unknown-field.yaml": 'error spec.port: unknown field "port"; did you mean "ports"?',
  "se-wild-host.yaml": 'error spec.hosts[0]: hostname cannot be wildcard; found "*"',
  "tel-bad.yaml": "error spec.tracing[0].randomSamplingPercentage: 101 is greater than 100",
  "vs-tcp-noroute.yaml": "error spec.tcp[0].route: a TCP route needs a destination",
  "vs-weight.yaml": "error spec.tcp[0].route[0].weight: must not be negative",
};

describe("refused objects", () => {
  test("every file has its reason here", () => {
    expect(readdirSync(join(TESTDATA, "bad")).sort()).toEqual(Object.keys(BAD).sort());
  });

  test.each(Object.entries(BAD))("%s", (file, reason) => {
    expect(reasonsOf(load(join("bad", file)))).toEqual([reason]);
  });
});

describe("good objects", () => {
  const files = readdirSync(join(TESTDATA, "good"));

  test.each(files)("%s", (file) => {
    expect(validateObject(load(join("good", file)))).toEqual({ verdict: "valid", reasons: [] });
  });

  test("an EnvoyFilter is accepted with a warning at best", () => {
    expect(validateObject(load("envoy-filter.yaml")).verdict).toBe("warning");
  });

  test("there is one of every kind", () => {
    const objects = [...files.map((file) => load(join("good", file))), load("envoy-filter.yaml")];
    const kinds = objects.map((object) => {
      const { apiVersion, kind } = object as { apiVersion: string; kind: string };
      return `${apiVersion.split("/")[0]}/${kind}`;
    });
    expect(kinds.sort()).toEqual(VALIDATED_KINDS.toSorted());
  });
});

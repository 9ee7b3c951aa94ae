import { describe, expect, it } from "vitest";
import { breachesOf, serviceText } from "../../../test/lint/breaches.ts";
import { wildcardHost } from "./wildcard-host.ts";

describe("wildcard hosts", () => {
  const found = (spec: string) =>
    breachesOf(wildcardHost, serviceText("s", `{ ${spec}, location: { type: external } }`)).map(
      (line) => line.split(" ")[1],
    );

  it.each([
    ["plain TCP", 'protocol: tcp, ports: [1], hosts: ["*.example.com"]', ["error"]],
    ["TLS, where the name is seen", 'protocol: tls, ports: [1], hosts: ["*.example.com"]', ["warning"]],
    [
      "passthrough",
      'protocol: kafka, tls: { mode: passthrough }, ports: [1], hosts: ["*.example.com"]',
      ["warning"],
    ],
    ["a top-level domain", 'protocol: tls, ports: [1], hosts: ["*.com"]', ["error"]],
    ["one among others", 'protocol: tls, ports: [1], hosts: [a.example.com, "*.b.example.com"]', ["warning"]],
    ["none", "protocol: tls, ports: [1], hosts: [a.example.com]", []],
  ])("%s", (_, spec, expected) => {
    expect(found(spec)).toEqual(expected);
  });
});

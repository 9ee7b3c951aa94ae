import { describe, expect, test } from "vitest";
import { PolicyError } from "../../finding.ts";
import { parseProxyConfig } from "./config-parse.ts";

const minimal = `version: 1
policy: { digest: "sha256:00" }
trust:
  trustDomain: example.org
  bundles:
    - { trustDomain: example.org, file: bundle.pem }
certificate: { source: files, cert: svid.pem, key: svid.key }
listeners:
  - { name: db, mode: mtls, port: 15432, service: orders-db }
services:
  - name: orders-db
    ports: [{ port: 5432, protocol: postgres }]
    endpoints: [{ host: db.example.com }]
rules:
  - id: api-to-orders-db
    action: allow
    service: orders-db
    subjects: { workloads: ["spiffe://example.org/ns/shop/sa/api"] }
`;

function problems(text: string): string[] {
  try {
    parseProxyConfig(text, "proxy.yaml");
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return error.findings.map(
      ({ rule, message, position }) => `${position?.line}:${position?.col} ${rule} ${message}`,
    );
  }
  return [];
}

describe("a proxy configuration", () => {
  test("fills in defaults and turns durations into milliseconds", () => {
    const config = parseProxyConfig(minimal, "proxy.yaml");
    expect(config.services[0]).toMatchObject({
      tls: { mode: "none" },
      connectTimeout: 5_000,
      idleTimeout: 3_600_000,
      audit: "standard",
      limits: { queue: 0 },
    });
    expect(config.audit.sinks).toEqual([{ type: "stdout" }]);
    expect(config.drain).toEqual({ deadline: 30_000, delay: 0 });
    expect(config.listeners[0]).toMatchObject({ minVersion: "1.3" });
  });

  test("is the same from JSON", () => {
    const yaml = parseProxyConfig(minimal, "proxy.yaml");
    expect(
      parseProxyConfig(
        JSON.stringify({
          ...yaml,
          drain: undefined,
          limits: undefined,
          audit: undefined,
          services: [
            {
              name: "orders-db",
              ports: [{ port: 5432, protocol: "postgres" }],
              endpoints: [{ host: "db.example.com" }],
            },
          ],
        }),
        "proxy.json",
      ),
    ).toEqual(yaml);
  });

  test("with an unknown field is refused at the field", () => {
    expect(problems(minimal.replace("port: 15432,", "port: 15432, prot: 1,"))).toEqual([
      "9:42 PR181 listeners[0].prot: there is no such field",
    ]);
  });

  test("with a wrong value is refused at the value's key", () => {
    expect(problems(minimal.replace("port: 5432,", "port: 70000,"))).toEqual([
      expect.stringMatching(/^12:15 PR181 services\[0\]\.ports\[0\]\.port: /),
    ]);
  });

  test("that is not YAML is refused at the place where reading stopped", () => {
    expect(problems(`${minimal}  ]`)[0]).toMatch(/^19:\d+ PR180 not valid YAML: /);
  });

  test("cut off in the middle, as by a partial write, is refused", () => {
    for (let end = 0; end < minimal.length - 2; end += 7) {
      expect(problems(minimal.slice(0, end)), `cut at ${end}`).not.toEqual([]);
    }
  });

  test("lists every problem at once, in the order of the file", () => {
    const text = minimal
      .replace("service: orders-db }", "service: order-db }")
      .replace("action: allow", "action: permit");
    expect(problems(text)).toEqual([expect.stringMatching(/^16:5 PR181 rules\[0\]\.action/)]);
    expect(problems(minimal.replace("service: orders-db }", "service: order-db }"))).toEqual([
      '9:42 PR181 listeners[0].service: there is no service named "order-db"; did you mean "orders-db"?',
    ]);
  });

  test.each([
    ["a future version", "version: 1", "version: 2", /version/],
    [
      "a plaintext listener off loopback",
      "mode: mtls,",
      "mode: plaintext-loopback, bind: 10.0.0.1,",
      /loopback address only/,
    ],
    [
      "an address range with host bits",
      'workloads: ["spiffe://example.org/ns/shop/sa/api"]',
      "cidrs: [10.0.0.1/8]",
      /CIDR/,
    ],
    ["a rule that names nobody", 'workloads: ["spiffe://example.org/ns/shop/sa/api"]', "", /names nobody/],
    ["a SPIFFE ID with a dot segment", "ns/shop/sa/api", "ns/../sa/api", /SPIFFE ID/],
    [
      "no bundle of the own domain",
      "{ trustDomain: example.org, file",
      "{ trustDomain: other.org, file",
      /no bundle/,
    ],
    [
      "istiod at an IP without the name to verify it by",
      "source: files, cert: svid.pem, key: svid.key",
      'source: istiod, address: "10.0.0.1:15012", ca: root.pem, token: token',
      /needs `serverName`/,
    ],
    [
      "a port that the service lacks",
      "action: allow",
      "action: allow\n    ports: [6379]",
      /has no port 6379/,
    ],
  ])("with %s is refused", (_, from, to, expected) => {
    expect(minimal).toContain(from);
    expect(problems(minimal.replace(from, to)).join("\n")).toMatch(expected);
  });
});

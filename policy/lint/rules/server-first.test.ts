import { describe, expect, it } from "vitest";
import { breachesOf, serviceText } from "../../../test/lint/breaches.ts";
import { serverFirst } from "./server-first.ts";

describe("server-first ports", () => {
  const found = (spec: string) =>
    breachesOf(
      serverFirst,
      serviceText("s", `{ hosts: [a.example.com], location: { type: external }, ${spec} }`),
    ).map((line) => line.replace(/^\d+ /, ""));

  it.each([
    [
      "MySQL as tcp",
      "protocol: tcp, ports: [3306]",
      ["warning s declares port 3306 as `tcp`; MySQL is server-first"],
    ],
    [
      "MySQL behind another port",
      "protocol: tcp, ports: [{ port: 1, targetPort: 3306 }]",
      [expect.stringContaining("warning s declares port 1 as")],
    ],
    ["SMTP as tcp, for which there is no other word", "protocol: tcp, ports: [25]", []],
    [
      "SMTP as TLS: the proxy would wait for a client that waits",
      "protocol: tls, ports: [25]",
      [expect.stringContaining("error s waits for the client's TLS on port 25")],
    ],
    ["PostgreSQL, which is not server-first", "protocol: tcp, ports: [5432]", []],
    [
      "a port name that says http",
      "protocol: tcp, ports: [{ port: 1, name: http-api }]",
      [expect.stringContaining('error Istio reads the protocol of port 1 from its name "http-api"')],
    ],
    [
      "a port name that says nothing",
      "protocol: tcp, ports: [{ port: 1, name: db }]",
      [expect.stringContaining("error Istio reads")],
    ],
    [
      "a port name that says tcp",
      "protocol: tcp, ports: [{ port: 1, name: tcp }, { port: 2, name: tcp-b }]",
      [],
    ],
  ])("%s", (_, spec, expected) => {
    expect(found(spec)).toEqual(expected);
  });
});

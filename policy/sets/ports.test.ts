import { expect, test } from "vitest";
import {
  ALL_PORTS,
  everyPortOf,
  formatPorts,
  hasPort,
  intersectPorts,
  isAllPorts,
  NO_PORTS,
  portsOf,
  unionPorts,
} from "./ports.ts";

const union = (...sets: Parameters<typeof unionPorts>) => sets.reduce(unionPorts, NO_PORTS);

test("protocols print in alphabetical order, ports in ascending order and merged", () => {
  const set = [
    portsOf("UDP", 53),
    portsOf("TCP", 8086, 8090),
    portsOf("TCP", 80),
    portsOf("TCP", 8080, 8085),
  ].reduce(unionPorts);
  expect(formatPorts(set)).toBe("TCP 80,8080-8090,UDP 53");
  expect(formatPorts(unionPorts(set, everyPortOf("SCTP")))).toBe("SCTP 1-65535,TCP 80,8080-8090,UDP 53");
});

test("every port of one protocol is a range; every port of every protocol is All Connections", () => {
  expect(formatPorts(everyPortOf("TCP"))).toBe("TCP 1-65535");
  expect(formatPorts(portsOf("TCP", 1, 65535))).toBe("TCP 1-65535");
  const all = [everyPortOf("TCP"), everyPortOf("UDP"), everyPortOf("SCTP")].reduce(unionPorts);
  expect(isAllPorts(all)).toBe(true);
  expect(formatPorts(all)).toBe("All Connections");
  expect(formatPorts(ALL_PORTS)).toBe("All Connections");
  expect(formatPorts(NO_PORTS)).toBe("No Connections");
});

test("the same port number of another protocol is another port", () => {
  const dns = portsOf("UDP", 53);
  expect(hasPort(dns, "UDP", 53)).toBe(true);
  expect(hasPort(dns, "TCP", 53)).toBe(false);
  expect(intersectPorts(dns, portsOf("TCP", 53))).toEqual(NO_PORTS);
  expect(formatPorts(intersectPorts(union(dns, portsOf("TCP", 1, 100)), portsOf("TCP", 80, 443)))).toBe(
    "TCP 80-100",
  );
});

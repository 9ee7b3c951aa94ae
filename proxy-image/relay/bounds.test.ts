import { afterEach, expect, test, vi } from "vitest";
import { serviceSchema } from "../../policy/compile/proxy/config-service.ts";
import { RelayBounds } from "./bounds.ts";

const service = serviceSchema.parse({ name: "s", ports: [{ port: 1 }], endpoints: [{ host: "a" }] });

afterEach(() => vi.useRealTimers());

test("a credential's end ends the connection, and without one the wall clock ends nothing", () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const bounds = new RelayBounds();
  bounds.apply(service, [], undefined, 0);
  vi.setSystemTime(9_000_000_000_000);
  expect(bounds.reached(0, service)).toBeUndefined();
  vi.setSystemTime(1_000_000);
  bounds.credentialUntil = 1_001_000;
  expect(bounds.reached(999_999, service)).not.toBe("credential-expired");
  expect(bounds.reached(0, service)).toBeUndefined();
  vi.setSystemTime(1_001_000);
  expect(bounds.reached(0, service)).toBe("credential-expired");
});

test("is looked at when the credential ends, and every few seconds until then: the wall clock may be set forward", () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const bounds = new RelayBounds();
  bounds.apply(service, [], undefined, 0);
  bounds.credentialUntil = 1_002_000;
  expect(bounds.next(50, service)).toBe(2_050);
  bounds.credentialUntil = 9_000_000;
  expect(bounds.next(50, service)).toBeLessThanOrEqual(50 + 10_000);
});

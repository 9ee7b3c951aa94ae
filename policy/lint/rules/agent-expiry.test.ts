import { describe, expect, it } from "vitest";
import { breachesOf, NOW } from "../../../test/lint/breaches.ts";
import { agentExpiry } from "./agent-expiry.ts";

describe("the expiry of agents", () => {
  const at = (expires: string) =>
    breachesOf(agentExpiry, agentExpiry.good.replace("2026-02-01", expires)).length;

  it("is told from the instant of expiry on, and beyond 90 days", () => {
    expect(at(new Date(NOW).toISOString())).toBe(1);
    expect(at(new Date(NOW + 1).toISOString())).toBe(0);
    expect(at(new Date(NOW + 90 * 86_400_000).toISOString())).toBe(0);
    expect(at(new Date(NOW + 90 * 86_400_000 + 1).toISOString())).toBe(1);
  });
});

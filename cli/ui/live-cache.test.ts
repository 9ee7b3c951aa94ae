import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ProxyView } from "../live/proxies.ts";
import { LiveCache } from "./live-cache.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

const view = (tookMs: number): ProxyView => ({
  admin: "127.0.0.1:1",
  policy: undefined,
  connections: [],
  problem: undefined,
  tookMs,
});

it("asks once for all pages that look at the same time, and again after ten times as long as the answer took", async () => {
  let asked = 0;
  const cache = new LiveCache(["127.0.0.1:1"], async () => {
    asked += 1;
    return [view(300)];
  });
  await Promise.all([cache.get(), cache.get()]);
  vi.advanceTimersByTime(2_999);
  await cache.get();
  expect(asked).toBe(1);
  vi.advanceTimersByTime(1);
  await cache.get();
  expect(asked).toBe(2);
});

it("asks again after it could not ask", async () => {
  let asked = 0;
  const cache = new LiveCache(["127.0.0.1:1"], async () => {
    asked += 1;
    if (asked === 1) throw new Error("out of descriptors");
    return [view(1)];
  });
  await expect(cache.get()).rejects.toThrow("out of descriptors");
  vi.advanceTimersByTime(1_000);
  expect((await cache.get()).views).toHaveLength(1);
});

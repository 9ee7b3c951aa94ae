import { expect, test } from "vitest";
import type { IssuedCertificate } from "./issue.ts";
import { Renewal } from "./renewal.ts";

const HOUR = 3_600_000;

/** A renewal over a clock that the test moves. */
function renewal(answers: (at: number) => number | string, take: () => void = () => {}) {
  let at = 0;
  const asked: number[] = [];
  const results: (string | undefined)[] = [];
  const subject = new Renewal({
    issue: async () => {
      asked.push(at);
      const answer = answers(at);
      if (typeof answer === "string") throw new Error(answer);
      return { notAfter: answer } as IssuedCertificate;
    },
    take: async () => take(),
    now: () => at,
    random: () => 0.5,
    done: (error) => void results.push(error),
  });
  const runTo = async (end: number, step: number) => {
    for (; at <= end; at += step) await subject.tick();
  };
  return { subject, asked, results, runTo };
}

test("a certificate is renewed at half of its life", async () => {
  const { asked, runTo } = renewal((at) => at + 24 * HOUR);
  await runTo(30 * HOUR, HOUR / 2);
  expect(asked).toEqual([0, 12 * HOUR, 24 * HOUR]);
});

test("a failure is asked again with longer and longer waits, up to a minute", async () => {
  const { asked, results, runTo } = renewal(() => "istiod is away");
  await runTo(300_000, 250);
  const waits = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
  expect(waits).toEqual([750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000, 45_000, 45_000, 45_000]);
  expect(results[0]).toBe("istiod is away");
});

test("after a failure that is over, the next one waits briefly again", async () => {
  const { subject, asked, runTo } = renewal((at) => (at < 3_000 || at >= 10_000 ? "away" : at + 14_000));
  await runTo(6_000, 250);
  expect(subject.lastError).toBeUndefined();
  await runTo(13_500, 250);
  expect(asked).toEqual([0, 750, 2_250, 5_250, 12_250, 13_000]);
});

test("a certificate that cannot be put to use counts as a failure", async () => {
  const { subject, asked, runTo } = renewal(
    (at) => at + 24 * HOUR,
    () => {
      throw new Error("not of this trust domain");
    },
  );
  await runTo(1_000, 250);
  expect(asked).toEqual([0, 750]);
  expect(subject.lastError).toBe("not of this trust domain");
});

test("whoever waits for the first certificate is told of it, also afterwards", async () => {
  const { subject, runTo } = renewal((at) => (at === 0 ? "away" : at + 24 * HOUR));
  let told = false;
  const waiting = subject.first().then(() => {
    told = true;
  });
  await runTo(500, 250);
  expect(told).toBe(false);
  await runTo(1_000, 250);
  await waiting;
  await subject.first();
  expect(told).toBe(true);
});

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readCluster } from "../../policy/kubernetes/reach/index.ts";
import { connections } from "../../policy/kubernetes/reach/reach.ts";
import { hasPort, PROTOCOLS } from "../../policy/sets/ports.ts";
import { part } from "../toolchain/parts.ts";
import { covers } from "./covers.ts";
import { type Sample, sample } from "./generate.ts";

// Compares with a judge that is not ours, on random clusters. It says nothing on what workloads are called, nor on
// ranges in between the sampled addresses and ports; reach.test.ts is about the same samples.

const CLUSTERS = 300;
const ADDRESSES = [
  "0.0.0.0",
  "9.255.255.255",
  "10.0.0.0",
  "10.1.0.0",
  "10.1.2.255",
  "10.1.3.0",
  "10.128.0.0",
  "11.0.0.0",
  "192.168.7.9",
  "255.255.255.255",
];
const PORTS = [1, 2, 53, 79, 80, 81, 443, 8080, 8081, 65535];

test("agrees with cyclonus and Kubernetes' own selectors on random clusters", async () => {
  const { path } = await part("network-policy-judge");
  const samples = fc.sample(sample, { numRuns: CLUSTERS, seed: 20_260_821 });
  const questions = samples.map((each) => JSON.stringify(question(each)));
  const answers = execFileSync(path, {
    input: `${questions.join("\n")}\n`,
    maxBuffer: 1 << 30,
    encoding: "utf8",
  })
    .trim()
    .split("\n");
  expect(answers).toHaveLength(CLUSTERS);
  let compared = 0;
  let allowed = 0;
  for (const [i, each] of samples.entries()) {
    const differences = [...compare(each, answers[i] ?? "")];
    expect(differences.filter((text) => text.startsWith("different"))).toEqual([]);
    compared += differences.length;
    allowed += differences.filter((text) => text === "allowed").length;
  }
  // Both answers have to occur often, or the samples say little.
  expect(compared).toBeGreaterThan(500_000);
  expect(allowed / compared).toBeGreaterThan(0.1);
  expect(allowed / compared).toBeLessThan(0.9);
});

/** Every pod for itself, then the addresses. */
function sides({ workloads }: Sample) {
  const pods = [...workloads].flatMap(([workload, each]) => each.map((pod) => ({ workload, ...pod })));
  return [...pods, ...ADDRESSES.map((address) => ({ workload: undefined, address }))];
}

function question(each: Sample): object {
  return { ...each.world, sides: sides(each), protocols: PROTOCOLS, ports: PORTS };
}

/** For each connection of workloads: `allowed` or `denied` where both agree, or how they differ. */
function* compare(each: Sample, answer: string): Generator<string> {
  const found = [...connections(readCluster(each.objects).cluster)];
  const names = sides(each).map((side) => side.workload ?? ("address" in side ? side.address : ""));
  const wanted = new Map<string, boolean>();
  let next = 0;
  for (const src of names) {
    for (const dst of names) {
      for (const protocol of PROTOCOLS) {
        for (const port of PORTS) {
          const verdict = answer[next++] === "1";
          if (src === dst || (!src.includes("/") && !dst.includes("/"))) continue;
          const key = `${src} ${dst} ${protocol} ${port}`;
          wanted.set(key, verdict || wanted.get(key) === true);
        }
      }
    }
  }
  expect(next).toBe(answer.length);
  for (const [key, verdict] of wanted) {
    const [src = "", dst = "", protocol = "", port = ""] = key.split(" ");
    const given = found.some(
      (row) =>
        covers(row.src, src) &&
        covers(row.dst, dst) &&
        PROTOCOLS.some((name) => name === protocol && hasPort(row.ports, name, Number(port))),
    );
    if (given !== verdict) yield `different: ${key}: we say ${given}, the judge says ${verdict}`;
    else yield verdict ? "allowed" : "denied";
  }
}

/**
 * The commands on Istio's public samples, which nobody of Portreeve wrote, as a user runs them: spawned, on the files as they
 * are.
 *
 * Not proven here: that the answers are Istio's (test/istio-routing and test/truth compare with istiod), and anything about
 * AuthorizationPolicies: Istio's samples hold none.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const SAMPLES = join(import.meta.dirname, "istio");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(command: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--no-warnings", join(ROOT, "cli/main.ts"), command, ...args],
      { cwd: SAMPLES, maxBuffer: 64 * 1024 * 1024 },
      (error, out, err) => resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err }),
    );
  });
}

interface Decided {
  readonly outcome: string;
  readonly routes: readonly {
    readonly notes: readonly string[];
    readonly hop: Hop;
  }[];
}

interface Hop {
  readonly listener: string;
  readonly listenerOf?: string;
  readonly route: string;
  readonly legs: readonly {
    readonly destination: string;
    readonly share: number;
    readonly arrivals: readonly {
      readonly workload: string;
      readonly wire: string;
      readonly principal: string | null;
    }[];
    readonly next?: Hop;
  }[];
}

async function decided(...args: readonly string[]): Promise<Decided> {
  const { code, out, err } = await run("decide", ...args, "--json");
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as Decided;
}

const shares = (hop: Hop | undefined) =>
  hop?.legs.map(({ destination, share }) => `${share}% ${destination}`);

test("the samples are Istio's, byte for byte", () => {
  const sums = readFileSync(join(import.meta.dirname, "istio.sha256"), "utf8")
    .trim()
    .split("\n");
  expect(sums.length).toBeGreaterThan(100);
  for (const line of sums) {
    const [sum, name = ""] = line.split(/\s+/);
    expect([
      name,
      createHash("sha256")
        .update(readFileSync(join(SAMPLES, name)))
        .digest("hex"),
    ]).toEqual([name, sum]);
  }
});

describe("decide", () => {
  test("tcp-echo: from outside, the Gateway's TCP server leads to v1 alone, with mTLS behind the gateway", async () => {
    const { routes, outcome } = await decided(
      "tcp-echo/tcp-echo-services.yaml",
      "tcp-echo/tcp-echo-all-v1.yaml",
      "--from",
      "203.0.113.7",
      "--to",
      "gateway:tcp-echo-gateway:31400",
    );
    const inner = routes[0]?.hop.legs[0]?.next;
    expect(outcome).toBe("allow");
    expect(inner).toMatchObject({
      listenerOf: "Gateway default/tcp-echo-gateway, server 1",
      route: "VirtualService default/tcp-echo",
    });
    expect(shares(inner)).toEqual(["100% tcp-echo.default.svc.cluster.local:9000 subset v1"]);
    expect(inner?.legs[0]?.arrivals).toMatchObject([
      { workload: "default/tcp-echo-v1", wire: "ISTIO_MUTUAL" },
    ]);
  });

  test("tcp-echo: inside of the mesh the Gateway's route is not used, and both versions are reached", async () => {
    const { routes } = await decided(
      "curl/curl.yaml",
      "tcp-echo/tcp-echo-services.yaml",
      "tcp-echo/tcp-echo-all-v1.yaml",
      "--from",
      "default/curl",
      "--to",
      "tcp-echo:9000",
    );
    expect(routes[0]?.hop.route).toBe("Service default/tcp-echo itself");
    expect(routes[0]?.hop.legs[0]?.arrivals.map(({ workload }) => workload)).toEqual([
      "default/tcp-echo-v1",
      "default/tcp-echo-v2",
    ]);
  });

  test("bookinfo: reviews are routed 90 to 10, by the subsets of the DestinationRule", async () => {
    const { routes } = await decided(
      "bookinfo/platform/kube/bookinfo.yaml",
      "bookinfo/networking/virtual-service-reviews-90-10.yaml",
      "bookinfo/networking/destination-rule-all.yaml",
      "--from",
      "default/productpage-v1",
      "--to",
      "reviews:9080",
    );
    const host = "reviews.default.svc.cluster.local:9080";
    expect(shares(routes[0]?.hop)).toEqual([`90% ${host} subset v1`, `10% ${host} subset v2`]);
    expect(routes[0]?.notes.join("\n")).toMatch(/taken to speak HTTP/);
  });

  test("bookinfo with MySQL: the port is named for its protocol, so nothing waits for a client that waits itself", async () => {
    const { routes } = await decided(
      "bookinfo/platform/kube/bookinfo-ratings-v2-mysql.yaml",
      "bookinfo/platform/kube/bookinfo-mysql.yaml",
      "--from",
      "default/ratings-v2-mysql",
      "--to",
      "mysqldb",
    );
    expect(routes[0]?.hop).toMatchObject({ listenerOf: "Service default/mysqldb" });
    expect(routes[0]?.notes.join("\n")).not.toMatch(/detected/);
  });

  test("external: pypi by its server name; a name beside it goes past the ServiceEntry", async () => {
    const from = ["curl/curl.yaml", "external/pypi.yaml", "--from", "default/curl"];
    const known = await decided(...from, "--to", "pypi.python.org:443");
    expect(known.routes[0]?.hop).toMatchObject({
      listener: "0.0.0.0_443",
      route: "ServiceEntry default/python-https itself",
    });
    const unknown = await decided(...from, "--to", "192.0.2.7:443", "--sni", "example.com");
    expect(unknown.routes[0]?.hop.route).toMatch(/passed on/);
    const closed = await run(
      "decide",
      ...from,
      "--to",
      "192.0.2.7:443",
      "--sni",
      "example.com",
      "--registry-only",
    );
    expect(closed.code).toBe(1);
    expect(closed.out).toMatch(/^fails: [\s\S]*the sidecar closes the connection/);
  });

  test("bookinfo: TLS to Google's API is started by the sidecar, as its DestinationRule says", async () => {
    const { routes } = await decided(
      "curl/curl.yaml",
      "bookinfo/networking/egress-rule-google-apis.yaml",
      "--from",
      "default/curl",
      "--to",
      "www.googleapis.com:80",
    );
    expect(shares(routes[0]?.hop)).toEqual(["100% www.googleapis.com:443"]);
    expect(routes[0]?.hop.legs[0]?.arrivals).toMatchObject([{ wire: "SIMPLE", principal: null }]);
  });

  test("ambient: HBONE between workloads, and routes are for waypoints", async () => {
    const { routes } = await decided(
      "ambient-argo/application",
      "--from",
      "default/productpage-v1",
      "--to",
      "reviews:9080",
      "--dataplane",
      "ztunnel",
    );
    const arrivals = routes[0]?.hop.legs[0]?.arrivals ?? [];
    expect(arrivals.map(({ workload }) => workload)).toEqual([
      "default/reviews-v1",
      "default/reviews-v2",
      "default/reviews-v3",
    ]);
    for (const arrival of arrivals) {
      expect(arrival).toMatchObject({
        wire: "HBONE",
        principal: "cluster.local/ns/default/sa/bookinfo-productpage",
      });
    }
  });

  test("bookinfo's Gateway is HTTP: what it may lead to is named, and that HTTP is not judged", async () => {
    const { routes } = await decided(
      "bookinfo/platform/kube/bookinfo.yaml",
      "bookinfo/networking/bookinfo-gateway.yaml",
      "--from",
      "outside",
      "--to",
      "gateway:bookinfo-gateway:8080",
    );
    const inner = routes[0]?.hop.legs[0]?.next;
    expect(shares(inner)).toEqual(["100% productpage.default.svc.cluster.local:9080"]);
    expect(routes[0]?.notes.join("\n")).toMatch(/routes HTTP by the Host header/);
  });

  test("a gateway between clusters goes by names of its own: that is not judged, and exits 2", async () => {
    const paths = ["multicluster/expose-services.yaml", "curl/curl.yaml"];
    const { code, out } = await run(
      "decide",
      ...paths,
      "--from",
      "outside",
      "--to",
      "gateway:cross-network-gateway:15443",
    );
    expect([code, out.split(":")[0]]).toEqual([2, "not judged"]);
    expect(out).toMatch(/AUTO_PASSTHROUGH\): not judged/);
  });

  test("two files that define one object differently are refused, with both places", async () => {
    const { code, err } = await run(
      "decide",
      "tcp-echo",
      "--from",
      "outside",
      "--to",
      "gateway:tcp-echo-gateway:31400",
    );
    expect(code).toBe(2);
    expect(err).toMatch(
      /tcp-echo-all-v1\.yaml:44:1: error PR191: VirtualService default\/tcp-echo .*first at .*tcp-echo-20-v2\.yaml:15:1/,
    );
  });

  test.each([
    [
      ["curl/curl.yaml", "--from", "default/nobody", "--to", "x:1"],
      /no workload and no service account is called default\/nobody/,
    ],
    [
      ["curl/curl.yaml", "--from", "default/curl", "--to", "nowhere"],
      /no object names nowhere, so give its port/,
    ],
    [
      ["curl/curl.yaml", "tcp-echo/tcp-echo-services.yaml", "--from", "default/curl", "--to", "tcp-echo"],
      /has several ports; give one of tcp-echo:\{9000,9001\}/,
    ],
    [
      ["curl/curl.yaml", "--from", "default/curl", "--to", "curl:80", "--via", "proxy"],
      /--via is for portreeve policies/,
    ],
    [
      ["external/pypi.yaml", "--from", "default/curl", "--to", "pypi.python.org"],
      /no workload .* is among the objects/,
    ],
  ])("a question that cannot be answered says what to do: %j", async (args, told) => {
    const { code, out, err } = await run("decide", ...args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(told);
  });
});

test("validate takes the whole folder: Istio's samples are valid, and EnvoyFilters are warned of", async () => {
  const { code, out } = await run("validate", ".");
  expect(code).toBe(0);
  expect(out).toMatch(/61 valid, 4 with warnings, 0 invalid/);
});

test("lint finds nothing wrong in samples that work, the one that starts TLS included", async () => {
  for (const paths of [
    ["external", "curl/curl.yaml"],
    ["bookinfo/networking/egress-rule-google-apis.yaml"],
    ["ambient-argo/application"],
  ]) {
    const { code, out } = await run("lint", ...paths);
    expect([paths, code, out]).toEqual([paths, 0, "no findings\n"]);
  }
});

test("lint of the whole folder names what cannot be in one cluster, and no false conflict", async () => {
  const { code, out } = await run("lint", ".", "--json");
  const { findings } = JSON.parse(out) as { findings: { rule: string; severity: string }[] };
  const errors = new Set(findings.filter(({ severity }) => severity === "error").map(({ rule }) => rule));
  expect(code).toBe(2);
  expect([...errors]).toEqual(["PR191"]);
});

test("reach: without policies everybody reaches everybody; with alternatives of one Deployment it refuses", async () => {
  const { code, out } = await run(
    "reach",
    "curl/curl.yaml",
    "bookinfo/platform/kube/bookinfo.yaml",
    "--json",
  );
  expect(code).toBe(0);
  const { connections } = JSON.parse(out) as { connections: { src: string; dst: string; ports: string }[] };
  expect(connections).toContainEqual(
    expect.objectContaining({ src: "default/curl", dst: "default/ratings-v1", ports: "All Connections" }),
  );
  // Seven workloads and the outside world, each with each; no self-pairs.
  expect(connections).toHaveLength(8 * 7);
  const all = await run("reach", ".");
  expect([all.code, all.out]).toEqual([2, ""]);
  expect(all.err).toMatch(/PR191: Deployment\/default\/details-v1 is defined twice/);
});

test("import says what has no equal, and where: address blocks, HTTP ports", async () => {
  const { code, out, err } = await run("import", "external");
  expect(code).toBe(1);
  expect(`${out}${err}`).toMatch(/ServiceEntry default\/github-tcp: addresses .* are blocks/);
  expect(`${out}${err}`).toMatch(/github\.yaml:23:1/);
});

test("diff of two samples tells who reaches more", async () => {
  const { code, out } = await run("diff", "tcp-echo/tcp-echo.yaml", "tcp-echo/tcp-echo-services.yaml");
  expect(code).toBe(1);
  expect(out).toMatch(/^Access changes: 6 gained, 2 lost/);
  expect(out).toMatch(/default\/tcp-echo-v1 gains default\/tcp-echo-v2/);
});

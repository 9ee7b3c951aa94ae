/**
 * Meshes as Istio's documentation and users set them up: nothing is wrong with them, so nothing may be found. Written for
 * this test in the shape of the public samples.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkMesh } from "./index.ts";
import { findingsIn, namespace, objectsOf } from "./mesh.fixture.ts";

const app = (name: string, ports: string, version = "v1", container = 8080): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, labels: { app: ${name} } }
spec: { selector: { app: ${name} }, ports: [${ports}] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name} }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}-${version} }
spec:
  selector: { matchLabels: { app: ${name}, version: ${version} } }
  template:
    metadata: { labels: { app: ${name}, version: ${version} } }
    spec: { serviceAccountName: ${name}, containers: [{ name: ${name}, image: ${name}, ports: [{ containerPort: ${container} }] }] }
---
`;

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
`;

const bookinfo =
  app("productpage", "{ name: http, port: 9080 }", "v1", 9080) +
  app("reviews", "{ name: http, port: 9080 }", "v1", 9080) +
  app("ratings", "{ name: http, port: 9080 }", "v1", 9080) +
  `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec:
  host: reviews
  trafficPolicy: { loadBalancer: { simple: RANDOM } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 }, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews, subset: v1 } }, { destination: { host: reviews, subset: v2 } }] }] }
---
`;

const tcpEcho =
  app("tcp-echo", "{ name: tcp, port: 9000 }, { name: tcp-other, port: 9001 }", "v1", 9000) +
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: tcp-policy }
spec: { selector: { matchLabels: { app: tcp-echo } }, action: ALLOW, rules: [{ to: [{ operation: { ports: ["9000", "9001"] } }] }] }
---
`;

const httpbinAndSleep =
  app("httpbin", "{ name: http, port: 8000, targetPort: 8080 }") +
  app("sleep", "{ name: http, port: 80 }") +
  `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: httpbin }
spec: { selector: { matchLabels: { app: httpbin } }, mtls: { mode: STRICT }, portLevelMtls: { 8080: { mode: DISABLE } } }
---
`;

const headless = `apiVersion: v1
kind: Service
metadata: { name: kafka }
spec: { clusterIP: None, selector: { app: kafka }, ports: [{ name: tcp-broker, port: 9092 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: kafka }
spec:
  serviceName: kafka
  selector: { matchLabels: { app: kafka } }
  template: { metadata: { labels: { app: kafka } }, spec: { containers: [{ name: kafka, image: kafka, ports: [{ containerPort: 9092 }] }] } }
---
`;

const originated = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: example }
spec: { hosts: [example.com], location: MESH_EXTERNAL, resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 443 }, { number: 443, name: https, protocol: HTTPS }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: example }
spec: { host: example.com, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: SIMPLE } }] } }
---
`;

const egressGateway = `apiVersion: v1
kind: Service
metadata: { name: istio-egressgateway, namespace: istio-system }
spec: { selector: { istio: egressgateway }, ports: [{ name: https, port: 443, targetPort: 8443 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: istio-egressgateway, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: egressgateway } }
  template: { metadata: { labels: { istio: egressgateway, sidecar.istio.io/inject: "false" } }, spec: { containers: [{ name: istio-proxy, image: proxyv2 }] } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: egress }
spec: { host: istio-egressgateway.istio-system.svc.cluster.local, trafficPolicy: { tls: { mode: ISTIO_MUTUAL, sni: example.com } } }
---
`;

/** The API server has no sidecar: the sample that turns TLS off for it, from the time before automatic mTLS. */
const legacy = `apiVersion: v1
kind: Service
metadata: { name: kubernetes, namespace: default }
spec: { ports: [{ name: https, port: 443, targetPort: 6443 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api-server, namespace: istio-system }
spec: { host: kubernetes.default.svc.cluster.local, trafficPolicy: { tls: { mode: DISABLE } } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: default, namespace: istio-system }
spec: { host: "*.local", trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }
---
`;

describe.each([
  ["bookinfo", bookinfo],
  ["tcp-echo", tcpEcho],
  ["httpbin and sleep", httpbinAndSleep],
  ["a StatefulSet with a headless Service", headless],
  ["TLS origination to an external host", originated],
  ["an egress gateway with Istio's mTLS", egressGateway],
  ["mesh-wide mTLS as it was written before it was automatic", legacy + bookinfo],
])("%s", (_, text) => {
  it("has nothing wrong in a namespace with sidecars", () => {
    expect(findingsIn(namespace("default") + text)).toEqual([]);
    expect(findingsIn(strict + namespace("default") + text)).toEqual([]);
  });

  it("has nothing wrong in a namespace of which nothing is known", () => {
    expect(findingsIn(text)).toEqual([]);
    expect(findingsIn(strict + text)).toEqual([]);
  });
});

describe("what Portreeve compiles", () => {
  const root = join(import.meta.dirname, "../../../test/golden");

  it.each(readdirSync(root).filter((name) => !name.endsWith(".ts") && name !== "multi-cluster"))(
    "%s",
    (name) => {
      const text = readFileSync(join(root, name, "expected.yaml"), "utf8");
      // AWS documents and the proxy's configuration are no objects of a cluster.
      const objects = objectsOf(text).filter(
        (object) => typeof object === "object" && object && "kind" in object,
      );
      expect(checkMesh(objects).filter(({ severity }) => severity !== "info")).toEqual([]);
    },
  );
});

it("every kind of object that Istio accepts is read without complaint", () => {
  const root = join(import.meta.dirname, "../validation/testdata/good");
  for (const name of readdirSync(root)) {
    expect(findingsIn(readFileSync(join(root, name), "utf8"))).toEqual([]);
  }
});

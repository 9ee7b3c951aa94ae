import { addressCollisions } from "../../plan/collisions.ts";
import type { Breach, LintRule } from "../rule.ts";
import { planned } from "./planned.ts";

/** PR251. */
export const addressCollision: LintRule = {
  id: "PR251",
  title: "One address and port, two services",
  severity: "error",
  waivable: false,
  why: "A TCP connection shows its destination address and port and nothing else: traffic of one service reaches the other (istio#11741, #24937, #29806).",
  fix: "give one of them another address, or leave `addresses` out to have one planned",
  bad: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: a }
spec: { protocol: tcp, hosts: [a.example.com], ports: [9000], addresses: [10.9.9.9], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: b }
spec: { protocol: tcp, hosts: [b.example.com], ports: [9000], addresses: [10.9.9.9], location: { type: external } }
`,
  good: `apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: a }
spec: { protocol: tcp, hosts: [a.example.com], ports: [9000], addresses: [10.9.9.9], location: { type: external } }
---
apiVersion: portreeve.dev/v1
kind: Service
metadata: { name: b }
spec: { protocol: tcp, hosts: [b.example.com], ports: [9000], location: { type: external } }
`,
  *check({ model }): Iterable<Breach> {
    for (const finding of addressCollisions([...model.services.values()]))
      yield planned(finding, ["spec", "addresses"]);
  },
};

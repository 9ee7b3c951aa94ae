import { goProgram } from "../go.ts";

/** Istio's own istiod and its own simulation in one process: what Istio would do with a connection. */
export const oracle = goProgram({
  name: "oracle",
  title: "Istio's verdict on a connection",
  version: "1.31.0",
  lock: "istio",
  package: "./oracle",
  tags: ["vtprotobuf"],
  cost: { seconds: 200, megabytes: 147 },
});

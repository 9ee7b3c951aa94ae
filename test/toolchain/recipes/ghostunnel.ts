import { goProgram } from "../go.ts";

/** A peer of the proxy in `bench/`; no test needs it. */
export const ghostunnel = goProgram({
  name: "ghostunnel",
  title: "ghostunnel, a peer in the proxy's benchmark",
  version: "1.8.4",
  lock: "ghostunnel",
  package: "github.com/ghostunnel/ghostunnel",
  stamp: { "main.version": "1.8.4" },
  // Without a C compiler its own source does not build.
  cgo: true,
  cost: { seconds: 120, megabytes: 33 },
});

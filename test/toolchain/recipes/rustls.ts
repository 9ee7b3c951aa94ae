import { join } from "node:path";
import { cacheRoot } from "../cache.ts";
import { atLeast, onPath, output, versionIn } from "../machine.ts";
import type { Recipe } from "../part.ts";
import { run } from "../run.ts";

const crate = join(import.meta.dirname, "../../../proxy-image/rustls");
const MINIMUM_RUST = "1.85";

/** The proxy's second TLS, as its image holds it; tests that need it set PORTREEVE_RUSTLS to its path. */
export const rustls: Recipe = {
  name: "rustls",
  title: "rustls as a library for the proxy",
  version: "0.23.46",
  source: "own Rust library (proxy-image/rustls)",
  main: "libportreeve_rustls.so",
  cost: { seconds: 120, megabytes: 4 },
  lock: ["Cargo.toml", "Cargo.lock", "src", "build.sh"].map((name) => join(crate, name)),
  fingerprint: () =>
    `${output("rustc", ["--version"])?.trim()} ${output("cc", ["-dumpfullversion"])?.trim()}`,
  blocked: () => {
    const rust = onPath("cargo") === undefined ? undefined : versionIn(output("rustc", ["--version"]));
    if (rust === undefined || !atLeast(rust, MINIMUM_RUST))
      return `needs Rust ${MINIMUM_RUST} or newer; found ${rust ?? "none"}: install it from https://rustup.rs or your distribution`;
    if (onPath("cc") === undefined)
      return "needs a C compiler (Debian and Ubuntu call it gcc, with libc6-dev)";
    return undefined;
  },
  make: async (into, report) => {
    // A change of our own few sources must not compile rustls and its cryptography anew, which take nearly all of the time.
    const env = { CARGO_TARGET_DIR: join(cacheRoot(), "cargo/rustls") };
    await run(join(crate, "build.sh"), ["--test", into], { env, onLine: report });
  },
};

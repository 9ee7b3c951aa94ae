/** A bridge and one network namespace a workload, as a cluster network would connect pods. Linux, as root. */
import { randomBytes, randomInt } from "node:crypto";
import { isRoot, onPath, output } from "../toolchain/machine.ts";
import { PartMissing } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import type { Scope } from "./scope.ts";

export interface Namespace {
  /** For `ip netns exec`. */
  readonly name: string;
  readonly ip: string;
}

export interface Network {
  /** This side's address, which all namespaces reach. */
  readonly address: string;
  /** The next address, in a namespace of its own. */
  readonly add: () => Promise<Namespace>;
}

const ip = (...args: string[]): Promise<string> => run("ip", args);

/** A /24 of 10.77.0.0/16 that this machine has no route to yet. */
function freePrefix(): string {
  const routes = output("ip", ["-4", "route"]) ?? "";
  for (let tries = 0; tries < 100; tries++) {
    const prefix = `10.77.${randomInt(256)}`;
    if (!routes.includes(`${prefix}.`)) return prefix;
  }
  throw new Error("no network is free in 10.77.0.0/16");
}

/** Everything is taken back with the scope, also when the test process is killed. */
export async function openNetwork(scope: Scope): Promise<Network> {
  if (!isRoot || onPath("ip") === undefined) {
    throw new PartMissing("network namespaces", "need Linux, root and iproute2 (the `ip` command)");
  }
  const id = randomBytes(3).toString("hex");
  const prefix = freePrefix();
  const bridge = `ptrv${id}`;
  scope.undoWith(["ip", "link", "del", bridge]);
  await ip("link", "add", bridge, "type", "bridge");
  await ip("addr", "add", `${prefix}.1/24`, "dev", bridge);
  await ip("link", "set", bridge, "up");
  let count = 0;
  const add = async (): Promise<Namespace> => {
    const number = 10 + count++;
    const namespace: Namespace = { name: `ptrv-${id}-${number}`, ip: `${prefix}.${number}` };
    const outside = `p${id}${number}`;
    const inside = (...args: string[]) => ip("-n", namespace.name, ...args);
    scope.undoWith(["ip", "netns", "del", namespace.name]);
    await ip("netns", "add", namespace.name);
    await ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", namespace.name);
    await ip("link", "set", outside, "master", bridge, "up");
    await inside("link", "set", "lo", "up");
    await inside("addr", "add", `${namespace.ip}/24`, "dev", "eth0");
    await inside("link", "set", "eth0", "up");
    await inside("route", "add", "default", "via", `${prefix}.1`);
    return namespace;
  };
  return { address: `${prefix}.1`, add };
}

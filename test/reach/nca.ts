/** np-guard's Network Config Analyzer as a second opinion: who can connect to whom, as it writes it line by line. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { part } from "../toolchain/parts.ts";

/** One line of its answer. A side is `namespace/pod`, or ranges of addresses. */
export interface NcaRow {
  readonly src: string;
  readonly dst: string;
  /** Intervals of ports by protocol. */
  readonly ports: ReadonlyMap<string, readonly (readonly [number, number])[]>;
}

const ALL = [[1, 65535]] as const;

/**
 * Its answer about each of these clusters, from one run. Where there are Istio policies it answers for TCP and for the rest
 * apart; the rows for the rest are then left out.
 */
export async function askNca(clusters: readonly (readonly object[])[]): Promise<NcaRow[][]> {
  const { path } = await part("nca");
  const folder = mkdtempSync(join(tmpdir(), "portreeve-nca-"));
  try {
    for (const [i, objects] of clusters.entries()) {
      mkdirSync(join(folder, `c${i}`));
      // One file, namespaces first: a pod that is read before its namespace has a namespace without labels for NCA.
      const inOrder = [...objects].sort((a, b) => Number(isNamespace(b)) - Number(isNamespace(a)));
      const text = inOrder.map((object) => JSON.stringify(object)).join("\n---\n");
      writeFileSync(join(folder, `c${i}/all.yaml`), text);
    }
    const names = clusters.map((_, i) => `c${i}`);
    const outputConfiguration = { outputFormat: "txt_no_fw_rules", outputEndpoints: "pods" };
    const scheme = {
      networkConfigList: names.map((name) => ({ name, resourceList: name })),
      queries: names.map((name) => ({ name: `q-${name}`, connectivityMap: [name], outputConfiguration })),
    };
    writeFileSync(join(folder, "scheme.yaml"), JSON.stringify(scheme));
    const text = execFileSync(path, ["--scheme", join(folder, "scheme.yaml")], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const answers = text.split(/^Running query q-c\d+$/m).slice(1);
    if (answers.length !== clusters.length) throw new Error(`NCA answered ${answers.length} queries`);
    return answers.map((answer) => {
      const tcpOnly = answer.includes("non-TCP Connections:");
      return readRows(answer.split("non-TCP Connections:")[0] ?? "", tcpOnly);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const isNamespace = (object: object): boolean => "kind" in object && object.kind === "Namespace";

function readRows(text: string, tcpOnly: boolean): NcaRow[] {
  return text.split("\n").flatMap((line) => {
    const [, src, dst, what] = /^(\S.*?) => (\S.*?) : (.*)$/.exec(line) ?? [];
    if (src === undefined || dst === undefined || what === undefined) return [];
    return [{ src, dst, ports: readPorts(what, tcpOnly) }];
  });
}

/** `All connections`, `{protocols:TCP,dst_ports:80,443-445},{protocols:SCTP, UDP}`, or without protocols where all is TCP. */
function readPorts(what: string, tcpOnly: boolean): NcaRow["ports"] {
  const ports = new Map<string, (readonly [number, number])[]>();
  if (what === "All connections") {
    for (const protocol of tcpOnly ? ["TCP"] : ["TCP", "UDP", "SCTP"]) ports.set(protocol, [...ALL]);
    return ports;
  }
  for (const [, properties = ""] of what.matchAll(/\{([^}]*)\}/g)) {
    const protocols = /protocols:([A-Z]+(?:, ?[A-Z]+)*)/.exec(properties)?.[1] ?? "TCP";
    const numbers = /dst_ports:([\d,-]+)/.exec(properties)?.[1];
    if (/src_ports|methods|paths|hosts/.test(properties)) throw new Error(`not understood: ${what}`);
    const intervals = numbers?.split(",").flatMap((piece) => {
      const [low = 0, high = low] = piece.split("-").map(Number);
      return piece === "" ? [] : [[low, high] as const];
    });
    for (const protocol of protocols.split(/, ?/)) {
      ports.set(protocol, [...(ports.get(protocol) ?? []), ...(intervals ?? ALL)]);
    }
  }
  return ports;
}

/**
 * The proxy's image, built by buildah from the distribution and run by runc as Kubernetes' restricted level wants it: no
 * root, no capability, a root file system that is read-only. Not proven here: that a kubelet and a registry take it.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Authority, createAuthority, createLeaf } from "../../proxy-image/dev/certificates.ts";
import { freePorts } from "../cluster/ports.ts";
import { openScope, type Scope } from "../cluster/scope.ts";
import { until } from "../cluster/until.ts";
import { part } from "../toolchain/parts.ts";
import { run } from "../toolchain/run.ts";
import { type Backend, readToEnd, startBackend } from "./harness.ts";

const build = join(import.meta.dirname, "../../proxy-image/build-image.sh");
const USER = 65_532;
const LIBRARY = "/usr/lib/portreeve/libportreeve_rustls.so";
const CLIENT = "spiffe://test.org/ns/shop/sa/api";

let scope: Scope;
let archive: string;
let rootfs: string;
/** The rustls library that the image is built with, whatever this process is told to run proxies with. */
let env: { PORTREEVE_RUSTLS: string };

const json = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const blob = (digest: string) => join(scope.dir, "oci/blobs", digest.replace(":", "/"));

beforeAll(async () => {
  scope = await openScope("proxy-image");
  env = { PORTREEVE_RUSTLS: (await part("rustls")).path };
  archive = join(scope.dir, "image.tar");
  await run(build, [archive], { env });
  for (const folder of ["oci", "bundle/rootfs"]) mkdirSync(join(scope.dir, folder), { recursive: true });
  rootfs = join(scope.dir, "bundle/rootfs");
  await run("tar", ["xf", archive, "-C", join(scope.dir, "oci")]);
  for (const { digest } of manifest().layers) await run("tar", ["xf", blob(digest), "-C", rootfs]);
});

afterAll(() => scope?.stop());

function manifest(): { config: { digest: string }; layers: { digest: string }[] } {
  return json(blob(json(join(scope.dir, "oci/index.json")).manifests[0].digest));
}

test("the same sources make the same image", async () => {
  const again = join(scope.dir, "again.tar");
  await run(build, [again], { env });
  const indexOf = (file: string) => run("tar", ["xOf", file, "index.json"]);
  expect(await indexOf(again)).toBe(await indexOf(archive));
});

test("it holds no shell, and is not root's", () => {
  expect(json(blob(manifest().config.digest)).config.User).toBe(`${USER}:${USER}`);
  expect(readdirSync(join(rootfs, "usr/local/bin"))).toEqual(["bun"]);
  expect(readdirSync(rootfs).sort()).toEqual(["app", "etc", "lib", "lib64", "usr"]);
  expect(readdirSync(join(rootfs, "usr/lib"), { recursive: true })).toEqual([
    "portreeve",
    "portreeve/libportreeve_rustls.so",
  ]);
});

test("the rustls library needs nothing that the runtime does not bring", async () => {
  const needed = async (file: string) =>
    [...(await run("ldd", [join(rootfs, file)])).matchAll(/^\t(\S+)/gm)].map(([, name]) => name);
  expect(await needed("usr/local/bin/bun")).toEqual(expect.arrayContaining(await needed(LIBRARY)));
});

test("it lists what it holds: every file outside of /etc with its digest, and every package that is bundled or linked", () => {
  interface Listed {
    readonly name: string;
    readonly version?: string;
    readonly purl?: string;
    readonly hashes?: { content: string }[];
    readonly properties?: { value: string }[];
  }
  const sbom = json(join(rootfs, "app/sbom.cdx.json")) as {
    bomFormat: string;
    specVersion: string;
    components: Listed[];
  };
  expect(sbom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
  const files = readdirSync(rootfs, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(rootfs, join(entry.parentPath, entry.name))}`)
    .filter((path) => !path.startsWith("/etc/") && path !== "/app/sbom.cdx.json");
  const digests = Object.fromEntries(
    sbom.components.flatMap(({ hashes, properties }) =>
      hashes && properties ? [[properties[0]?.value, hashes[0]?.content]] : [],
    ),
  );
  const sha256 = (path: string) =>
    createHash("sha256")
      .update(readFileSync(join(rootfs, path)))
      .digest("hex");
  expect(digests).toEqual(Object.fromEntries(files.map((path) => [path, sha256(path)])));
  for (const name of ["zod", "yaml", "ipaddr.js", "jose"]) {
    const { version } = json(join(import.meta.dirname, "../../node_modules", name, "package.json"));
    expect(sbom.components).toContainEqual(
      expect.objectContaining({ name, version, purl: `pkg:npm/${name}@${version}` }),
    );
  }
  // Their versions are the lock file's.
  const crates = readFileSync(join(dirname(build), "rustls/Cargo.lock"), "utf8");
  for (const name of ["rustls", "rustls-webpki", "aws-lc-sys"]) {
    const version = new RegExp(`name = "${name}"\nversion = "([^"]+)"`).exec(crates)?.[1];
    expect(sbom.components).toContainEqual(
      expect.objectContaining({
        name,
        version,
        purl: `pkg:cargo/${name}@${version}`,
        licenses: expect.anything(),
      }),
    );
  }
  expect(sbom.components.filter(({ name }) => name === "bun")).toHaveLength(1);
  const sizes = { archive: statSync(archive).size, components: sbom.components.length };
  console.log(`image: ${JSON.stringify(sizes)}`);
  expect(sizes.archive).toBeLessThan(80_000_000);
});

interface Image {
  readonly port: number;
  readonly metrics: number;
  readonly backend: Backend;
  readonly ca: Authority;
  readonly log: () => string;
  /** The files that its process has mapped into its memory. */
  readonly mapped: () => Promise<string>;
}

let started = 0;

/** Runs the image without root, capabilities or a place to write, with `env`, in front of a backend that echoes. */
async function runImage(env: readonly string[]): Promise<Image> {
  const bundle = join(scope.dir, "bundle");
  const [port = 0, metrics = 0] = await freePorts(2);
  const files = join(scope.dir, `config-${started++}`);
  mkdirSync(files);
  const ca = createAuthority("test CA");
  const own = createLeaf("proxy", ca, { uris: ["spiffe://test.org/ns/portreeve/sa/proxy"] });
  const backend = await startBackend(scope);
  const put = (name: string, text: string) => writeFileSync(join(files, name), text);
  put("ca.pem", ca.cert);
  put("cert.pem", own.cert);
  put("key.pem", own.key);
  put(
    "proxy.json",
    JSON.stringify({
      version: 1,
      policy: { digest: "test" },
      trust: { trustDomain: "test.org", bundles: [{ trustDomain: "test.org", file: "ca.pem" }] },
      certificate: { source: "files", cert: "cert.pem", key: "key.pem" },
      metrics: { bind: "127.0.0.1", port: metrics },
      listeners: [{ name: "l", mode: "mtls", bind: "127.0.0.1", port, service: "s" }],
      services: [{ name: "s", ports: [{ port: 1 }], endpoints: [{ host: "127.0.0.1", port: backend.port }] }],
      rules: [{ id: "api", action: "allow", service: "s", subjects: { workloads: [CLIENT] } }],
    }),
  );
  await run("rm", ["-f", join(bundle, "config.json")]);
  await run("runc", ["spec"], { cwd: bundle });
  const spec = json(join(bundle, "config.json"));
  const { Entrypoint } = json(blob(manifest().config.digest)).config;
  const none = { bounding: [], effective: [], permitted: [], ambient: [], inheritable: [] };
  Object.assign(spec.process, {
    terminal: false,
    user: { uid: USER, gid: USER },
    args: [...Entrypoint, "/etc/portreeve/config/proxy.json"],
    cwd: "/app",
    env: [...spec.process.env, ...env],
    capabilities: none,
    noNewPrivileges: true,
  });
  spec.root = { path: "rootfs", readonly: true };
  // The host's network, so that the test reaches the probes.
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }: { type: string }) => type !== "network");
  // What runc cannot make on a root that is read-only must be there.
  for (const folder of ["proc", "dev", "sys", "etc/portreeve/config"])
    mkdirSync(join(rootfs, folder), { recursive: true });
  spec.mounts.push({ destination: "/etc/portreeve/config", source: files, options: ["bind", "ro"] });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
  const state = join(scope.dir, "runc");
  const id = `portreeve-${port}`;
  const running = await scope.start("image", "runc", ["--root", state, "run", "--bundle", bundle, id], {
    ready: async () => (await fetch(`http://127.0.0.1:${metrics}/readyz`)).ok,
    timeoutSeconds: 20,
  });
  const mapped = async () => {
    const { pid } = JSON.parse(await run("runc", ["--root", state, "state", id])) as { pid: number };
    return readFileSync(`/proc/${pid}/maps`, "utf8");
  };
  return { port, metrics, backend, ca, log: running.log, mapped };
}

/** What comes back of a mutual TLS connection to the image that a granted workload opens, writes to and half-closes. */
async function echoed({ port, ca }: Image, sent: Buffer): Promise<Buffer> {
  const client = createLeaf("client", ca, { uris: [CLIENT] });
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca: ca.cert,
    cert: client.cert,
    key: client.key,
    // The proxy's certificate names no host: who it is, is in its URI.
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  const reading = readToEnd(socket);
  socket.end(sent);
  return reading;
}

test("it becomes ready without root, capabilities or a place to write, and relays mutual TLS with rustls", async () => {
  const image = await runImage([]);
  expect(await (await fetch(`http://127.0.0.1:${image.metrics}/readyz`)).text()).toBe("ready\n");
  // Neither a read-only root nor the lack of capabilities keeps it from the C library, or from this one.
  expect(image.log()).toContain('"plainSockets":"own","tls":"rustls"');
  const { version } = json(join(import.meta.dirname, "../../package.json"));
  await until("its records to say which version writes them", 10, () =>
    image.log().includes(`"version":"${version}"`),
  );
  const sent = randomBytes(1_000_000);
  expect((await echoed(image, sent)).equals(sent)).toBe(true);
  expect(await image.mapped()).toContain(LIBRARY);
});

test("PORTREEVE_RUSTLS=off: the library is left alone, and the runtime's own TLS does the same", async () => {
  const image = await runImage(["PORTREEVE_RUSTLS=off"]);
  expect(image.log()).toContain('"tls":"runtime"');
  const sent = randomBytes(1_000_000);
  expect((await echoed(image, sent)).equals(sent)).toBe(true);
  expect(await image.mapped()).not.toContain(LIBRARY);
});

/** Reads what is needed of a kubeconfig: server, certificate authority, and a token or a client certificate. */
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const named = <T extends z.ZodType>(key: string, value: T) =>
  z.looseObject({ name: z.string(), [key]: value });

const cluster = z.looseObject({
  server: z.string(),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
});
const user = z.looseObject({
  token: z.string().optional(),
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
});
const context = z.looseObject({ cluster: z.string(), user: z.string() });
const config = z.looseObject({
  clusters: z.array(named("cluster", cluster)),
  users: z.array(named("user", user)),
  contexts: z.array(named("context", context)),
  "current-context": z.string().optional(),
});

export interface Access {
  readonly server: URL;
  readonly ca?: Buffer;
  readonly token?: string;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** `source` is a file's path or the content itself, as the Kubernetes provider takes both. */
export function readKubeconfig(source: string, contextName?: string): Access {
  const text = existsSync(source) ? readFileSync(source, "utf8") : source;
  const parsed = config.parse(parse(text));
  const wanted = contextName ?? parsed["current-context"];
  const find = <T>(
    list: readonly Record<string, unknown>[],
    key: string,
    name: string | undefined,
    as: z.ZodType<T>,
  ) => {
    const entry = list.find((e) => e.name === name);
    if (entry === undefined) throw new Error(`the kubeconfig has no ${key} "${name}"`);
    return as.parse(entry[key]);
  };
  const ctx = find(parsed.contexts, "context", wanted, context);
  const to = find(parsed.clusters, "cluster", ctx.cluster, cluster);
  const as = find(parsed.users, "user", ctx.user, user);
  const bytes = (file: string | undefined, data: string | undefined) =>
    data !== undefined ? Buffer.from(data, "base64") : file !== undefined ? readFileSync(file) : undefined;
  const ca = bytes(to["certificate-authority"], to["certificate-authority-data"]);
  const cert = bytes(as["client-certificate"], as["client-certificate-data"]);
  const key = bytes(as["client-key"], as["client-key-data"]);
  return {
    server: new URL(to.server),
    ...(ca && { ca }),
    ...(as.token && { token: as.token }),
    ...(cert && { cert }),
    ...(key && { key }),
  };
}

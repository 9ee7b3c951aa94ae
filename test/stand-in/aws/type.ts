/** What the stand-in knows about one AWS resource type. */
import type { Created } from "../provider/provider.ts";
import type { Props, Value } from "../provider/values.ts";
import type { Clients } from "./clients.ts";

export interface AwsType {
  /** The property that gets a generated name when nobody chose one. */
  readonly named?: "name";
  /** Outputs that AWS decides: unknown in a preview. */
  readonly computed: readonly string[];
  /** Properties that cannot change in place. */
  readonly replaceOn: readonly string[];
  readonly create: (clients: Clients, inputs: Props) => Promise<Created>;
  /** Absent when every change replaces. Returns the outputs that changed besides the inputs. */
  readonly update?: (clients: Clients, id: string, now: Props, old: Props) => Promise<Props>;
  /** The inputs as AWS has them now, as far as they are compared; `undefined` when the resource is gone. */
  readonly read: (clients: Clients, id: string, outputs: Props) => Promise<Props | undefined>;
  readonly delete: (clients: Clients, id: string, outputs: Props) => Promise<void>;
}

export const text = (props: Props, key: string): string | undefined => {
  const value = props[key];
  return typeof value === "string" ? value : undefined;
};

export const required = (props: Props, key: string): string => {
  const value = text(props, key);
  if (value === undefined || value === "") throw new Error(`${key} is missing`);
  return value;
};

export const number = (props: Props, key: string): number | undefined => {
  const value = props[key];
  return typeof value === "number" ? value : undefined;
};

export const texts = (props: Props, key: string): string[] => {
  const value: Value | undefined = props[key];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
};

/** A resource's own tags over the provider's default ones, as AWS wants them. */
export function tagList(clients: Clients, props: Props): { Key: string; Value: string }[] {
  const tags = { ...clients.defaultTags, ...((props.tags ?? {}) as Record<string, string>) };
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** Only what is given: AWS clients take no `undefined` for an optional property. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** Resolves with `undefined` when AWS says that the thing is not there. */
export async function ifThere<T>(ask: Promise<T>): Promise<T | undefined> {
  try {
    return await ask;
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (/NoSuchEntity|NotFound/.test(name)) return undefined;
    throw error;
  }
}

/** A JSON document in the words of the program when AWS has the same one, however it writes it. */
export function sameDocument(wanted: string | undefined, live: string | undefined): string {
  const decoded = decodeURIComponent(live ?? "");
  try {
    if (wanted !== undefined && canonical(JSON.parse(wanted)) === canonical(JSON.parse(decoded)))
      return wanted;
  } catch {
    // Not JSON on one of the sides: then they are not the same.
  }
  return decoded;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

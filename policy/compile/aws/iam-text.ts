import { z } from "zod";

const texts = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const values = z
  .union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number(), z.boolean()]))])
  .transform((value) => [value].flat().map(String));
const principal = z.union([z.literal("*"), z.record(z.string(), texts)]);
const statement = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(["Allow", "Deny"]),
  Principal: principal.optional(),
  NotPrincipal: principal.optional(),
  Action: texts.optional(),
  NotAction: texts.optional(),
  Resource: texts.optional(),
  NotResource: texts.optional(),
  Condition: z.record(z.string(), z.record(z.string(), values)).optional(),
});
const iamText = z.object({
  Statement: z.union([statement.transform((one) => [one]), z.array(statement)]),
});

/** One condition: the values of a key are alternatives, conditions must all hold. */
export interface ReadCondition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** A statement as IAM's grammar allows it, in one form: single values are lists. */
export interface ReadStatement {
  /** Its Sid, or its number from 1. */
  readonly label: string;
  readonly effect: "Allow" | "Deny";
  /** By kind: `AWS`, `Service`, `Federated`. `Principal: "*"` is `AWS: ["*"]`. */
  readonly principals: Readonly<Record<string, readonly string[]>>;
  /** `NotAction` or `NotResource` is used: everything but what the lists name. `NotPrincipal`: everybody but who is left out here. */
  readonly inverted: readonly ("NotPrincipal" | "NotAction" | "NotResource")[];
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly ReadCondition[];
}

/** Thrown where a text is not an IAM document; the message says what is wrong with it. */
export class IamTextError extends Error {
  /** Stable, for programs that catch errors of several packages. */
  readonly code = "PORTREEVE_IAM_TEXT";
}

/**
 * Reads any IAM document: ours, or one that somebody else wrote, as JSON text or as parsed.
 *
 * @throws IamTextError when it is not an IAM document.
 */
export function readIamDocument(document: unknown): ReadStatement[] {
  const parsed = iamText.safeParse(typeof document === "string" ? json(document) : document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new IamTextError(`not an IAM document: ${issue?.path.join(".") || "it"} is wrong`, {
      cause: parsed.error,
    });
  }
  return parsed.data.Statement.map((one, index) => ({
    label: one.Sid ?? `statement ${index + 1}`,
    effect: one.Effect,
    principals: one.Principal === "*" ? { AWS: ["*"] } : (one.Principal ?? {}),
    inverted: (["NotPrincipal", "NotAction", "NotResource"] as const).filter((key) => one[key] !== undefined),
    actions: one.Action ?? one.NotAction ?? [],
    resources: one.Resource ?? one.NotResource ?? [],
    conditions: Object.entries(one.Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, list]) => ({ operator, key, values: list })),
    ),
  }));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new IamTextError("not an IAM document: not JSON", { cause });
  }
}

/** Whether IAM's pattern matches: `*` is any text, `?` any one character. */
export function matchesPattern(pattern: string, text: string, ignoreCase = false): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, ignoreCase ? "is" : "s").test(text);
}

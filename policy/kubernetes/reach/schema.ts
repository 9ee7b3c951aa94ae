import { z } from "zod";
import { parseCidr } from "../../sets/addresses.ts";
import { PROTOCOLS } from "../../sets/ports.ts";

// What the API server checks, for the fields that decide reachability; other fields are not looked at. `nullish`,
// because in JSON and YAML an absent field may be written as null. An empty list item (`-`) is read as {}.

const LABEL_KEY =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const PORT_NAME = /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/;

const text = z.string({ error: "write a text here; quote it when it looks like a number or a boolean" });
const labelKey = text.regex(LABEL_KEY, "this is not a label key");
const labelValue = text.regex(
  LABEL_VALUE,
  "a label value has at most 63 letters, digits, '-', '_' or '.', and starts and ends with a letter or digit",
);
// As in Go: null in a map of texts is the empty text. `app:` with nothing behind it is such a null.
const orEmptyText = <T extends z.ZodType>(item: T) => z.preprocess((value) => value ?? "", item);
const labels = z.record(z.string(), orEmptyText(text)).nullish();
const listOf = <T extends z.ZodType>(item: T) => z.array(item).nullish();
const orEmpty = <T extends z.ZodType>(item: T) => z.preprocess((value) => value ?? {}, item);

const port = z
  .number({ error: "a port is a whole number from 1 to 65535" })
  .int("a port is a whole number from 1 to 65535")
  .min(1, "ports start at 1")
  .max(65535, "ports end at 65535");
const protocol = z.enum(PROTOCOLS, { error: "the protocol is TCP, UDP or SCTP, in capitals" }).nullish();

const ownerReference = z.object({ kind: z.string(), name: z.string(), controller: z.boolean().nullish() });

/** `metadata` of any object. */
export const metadataSchema = z.object({
  name: text.min(1, "the object has no name"),
  namespace: text.nullish(),
  labels,
  annotations: labels,
  ownerReferences: listOf(ownerReference),
});

const container = z.object({
  ports: listOf(z.object({ name: text.nullish(), containerPort: port, protocol })),
  restartPolicy: z.string().nullish(),
});

/** `spec` of a Pod. */
export const podSpecSchema = z.object({
  containers: listOf(container),
  initContainers: listOf(container),
  hostNetwork: z.boolean().nullish(),
  serviceAccountName: text.nullish(),
  /** The old name of `serviceAccountName`; the API server still honours it. */
  serviceAccount: text.nullish(),
});
export type PodSpec = z.infer<typeof podSpecSchema>;

/** `spec.template` of a workload. */
export const podTemplateSchema = z.object(
  { metadata: z.object({ labels, annotations: labels }).nullish(), spec: podSpecSchema.nullish() },
  { error: "a workload needs a pod template here" },
);

const selector = z
  .object({
    matchLabels: z.record(labelKey, orEmptyText(labelValue)).nullish(),
    matchExpressions: listOf(
      z
        .object({
          key: labelKey,
          operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"], {
            error: "the operator is In, NotIn, Exists or DoesNotExist",
          }),
          values: listOf(orEmptyText(labelValue)),
        })
        .superRefine(({ operator, values }, context) => {
          const given = (values ?? []).length > 0;
          const needed = operator === "In" || operator === "NotIn";
          if (given === needed) return;
          const message = needed ? `${operator} needs at least one value` : `${operator} takes no values`;
          context.addIssue({ code: "custom", path: ["values"], message });
        }),
    ),
  })
  .strict();
export type SelectorInput = z.infer<typeof selector>;

const cidr = text.refine((value) => parseCidr(value) !== undefined, "write a CIDR block, like 10.0.0.0/8");

const peer = orEmpty(
  z
    .object({
      podSelector: selector.nullish(),
      namespaceSelector: selector.nullish(),
      ipBlock: z
        .object({ cidr, except: listOf(cidr) })
        .strict()
        .nullish(),
    })
    .strict()
    .superRefine(({ podSelector, namespaceSelector, ipBlock }, context) => {
      const selecting = Boolean(podSelector ?? namespaceSelector);
      if (ipBlock && selecting) {
        const message = "a peer is an ipBlock or selectors, not both; write two list items";
        context.addIssue({ code: "custom", message });
      }
      if (!ipBlock && !selecting) {
        const message = "a peer needs a podSelector, a namespaceSelector or an ipBlock";
        context.addIssue({ code: "custom", message });
      }
    }),
);

const rulePort = orEmpty(
  z
    .object({
      protocol,
      port: z
        .union([port, text.regex(PORT_NAME)], { error: "a port is a number from 1 to 65535 or a port name" })
        .nullish(),
      endPort: port.nullish(),
    })
    .strict()
    .superRefine(({ port: start, endPort }, context) => {
      if (endPort === undefined || endPort === null) return;
      const message =
        typeof start !== "number"
          ? "endPort needs a numeric port to start from"
          : endPort < start
            ? `endPort ${endPort} is below port ${start}`
            : undefined;
      if (message) context.addIssue({ code: "custom", path: ["endPort"], message });
    }),
);

// Unknown fields are refused in a policy: a misspelt `podSelector` or `from` would otherwise select everything.
export const networkPolicySpecSchema = z
  .object({
    podSelector: selector.nullish(),
    policyTypes: listOf(z.enum(["Ingress", "Egress"], { error: "a policy type is Ingress or Egress" })),
    ingress: listOf(orEmpty(z.object({ from: listOf(peer), ports: listOf(rulePort) }).strict())),
    egress: listOf(orEmpty(z.object({ to: listOf(peer), ports: listOf(rulePort) }).strict())),
  })
  .strict();
export type NetworkPolicySpec = z.infer<typeof networkPolicySpecSchema>;

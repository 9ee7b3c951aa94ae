import ipaddr from "ipaddr.js";
import { z } from "zod";

/** The `apiVersion` of every policy document. */
export const API_VERSION = "portreeve.dev/v1";

/** A leaf whose value is only known to the deployment, written `${ref:NAME}`; see {@link refNames}. */
export const REF = /\$\{ref:([A-Za-z][A-Za-z0-9_.-]*)\}/g;
const ONLY_REF = /^\$\{ref:[A-Za-z][A-Za-z0-9_.-]*\}$/;
const HAS_REF = /\$\{ref:[A-Za-z][A-Za-z0-9_.-]*\}/;

/** True when the text holds at least one `${ref:NAME}`. */
export function hasRef(text: string): boolean {
  return HAS_REF.test(text);
}

/** The names of all `${ref:NAME}` in a text, in order of appearance. */
export function refNames(text: string): string[] {
  return [...text.matchAll(REF)].map((match) => match[1] ?? "");
}

/** Makes the text that stands for a value known only at deployment; the component resolves it last. */
export function ref(name: string): string {
  return `\${ref:${name}}`;
}

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const LABEL_RULE = "use 1 to 63 characters of a-z, 0-9 and '-', starting and ending with a letter or digit";

/** A DNS-1123 label: the name of a policy object, namespace or service account. */
export const name = z.string().regex(label, LABEL_RULE);

/** `namespace/name` of a Workload. */
export const workloadId = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "write namespace/name");

/** `provider:name`, where provider is the name of an identity provider in Trust. */
export const qualified = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?:[^\s:][^\r\n]*$/, "write provider:name, e.g. okta:dba");

const hostPattern =
  /^(\*\.)?([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.?$/i;

/** A DNS name, possibly starting with `*.`, or a `${ref:NAME}`. */
export const host = z.string().refine((text) => {
  // What a reference stands for is not known; what is written around it is.
  const known = text.replace(REF, "x");
  return known.length <= 253 && hostPattern.test(known) && !isAddress(known) && !/^[\d.]+$/.test(known);
}, "write a DNS name such as db.example.com (an IP address belongs in `addresses` or `endpoints`)");

/** A TCP port, 1 to 65535. */
export const port = z
  .number()
  .int("a port is a whole number")
  .min(1, "ports start at 1")
  .max(65535, "ports end at 65535");

function isAddress(text: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return true;
  // A zone (`fe80::1%eth0`) means something on one machine only. IPv4 inside of IPv6 (`::ffff:10.0.0.1`, `::10.0.0.1`) is
  // IPv4 to the proxy and never matches an IPv4 peer in Istio: one verdict needs one way to write it.
  if (!ipaddr.IPv6.isValid(text) || /[%.]/.test(text)) return false;
  return !ipaddr.IPv6.parse(text).isIPv4MappedAddress();
}

/** An IPv4 or IPv6 address, without a prefix length, or a `${ref:NAME}`. */
export const address = z
  .string()
  .refine(
    (text) => ONLY_REF.test(text) || isAddress(text),
    "write an IPv4 or IPv6 address such as 10.0.0.7 or fd00::7",
  );

function isCidr(text: string): boolean {
  const [base, bits, rest] = text.split("/");
  return (
    base !== undefined &&
    bits !== undefined &&
    rest === undefined &&
    /^(0|[1-9]\d{0,2})$/.test(bits) &&
    isAddress(base) &&
    Number(bits) <= (base.includes(":") ? 128 : 32)
  );
}

/** An address block in CIDR notation. */
export const cidr = z.string().superRefine((text, context) => {
  if (isCidr(text)) {
    const [base = ""] = text.split("/");
    const network = base.includes(":")
      ? ipaddr.IPv6.networkAddressFromCIDR(text)
      : ipaddr.IPv4.networkAddressFromCIDR(text);
    const written = ipaddr.parse(base);
    if (network.toString() === written.toString()) return;
    context.addIssue({
      code: "custom",
      message: `${text} has bits set below its prefix; did you mean ${network}/${text.split("/")[1]}?`,
    });
    return;
  }
  const hint = isAddress(text)
    ? `; did you mean ${text}/${text.includes(":") ? 128 : 32}?`
    : ", such as 10.0.0.0/8";
  context.addIssue({ code: "custom", message: `write an address block in CIDR notation${hint}` });
});

const durationPattern = /^(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;

/** A span of time such as `30s`, `15m`, `1h30m`: the form Istio reads. Days are written in hours. */
export const duration = z
  .string()
  .refine((text) => text !== "" && durationPattern.test(text), "write a duration such as 30s, 15m or 1h30m")
  .refine(
    (text) => !durationPattern.test(text) || text === "" || milliseconds(text) > 0,
    "a duration is longer than zero",
  )
  .meta({ pattern: "^(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?$", minLength: 2, examples: ["30s", "15m", "1h30m"] });

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** The length of a duration such as `1h30m` in milliseconds. */
export function milliseconds(text: string): number {
  let total = 0;
  for (const [, count = "0", unit = "s"] of text.matchAll(/(\d+)(ms|h|m|s)/g)) {
    total += Number(count) * (UNITS[unit] ?? 0);
  }
  return total;
}

/** An instant in UTC, RFC 3339 with `Z` or an offset, e.g. `2027-03-31T00:00:00Z`; a bare date means its first instant in UTC. */
export const instant = z
  .string()
  .refine(
    (text) =>
      /^\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/.test(text) &&
      realDate(text),
    "write an instant such as 2027-03-31T00:00:00Z",
  )
  .meta({ pattern: "^\\d{4}-\\d\\d-\\d\\d(T|$)", examples: ["2027-03-31T00:00:00Z"] });

/** Date.parse rolls 31 February over into March; an expiry that moves by itself is not what was written. */
function realDate(text: string): boolean {
  const time = Date.parse(text);
  if (Number.isNaN(time)) return false;
  return new Date(Date.parse(text.slice(0, 10))).toISOString().slice(0, 10) === text.slice(0, 10);
}

/** A SPIFFE trust domain name (SPIFFE-ID §2.1): lower-case letters, digits, `.`, `-`, `_`. */
export const trustDomain = z
  .string()
  .max(255, "a trust domain has at most 255 characters")
  .regex(/^[a-z0-9._-]+$/, "write a SPIFFE trust domain such as prod.example.com, without spiffe://");

/** An Amazon Resource Name, or a `${ref:NAME}`. */
export const arn = z
  .string()
  .refine(
    (text) => hasRef(text) || /^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:.+$/.test(text),
    "write an ARN, arn:aws:…",
  );

/** An AWS account number: twelve digits, quoted in YAML so that a leading zero is kept. */
export const awsAccount = z
  .string()
  .regex(/^\d{12}$/, 'write the twelve digits in quotes, e.g. "012345678901"');

/** An AWS region code. */
export const awsRegion = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "write a region such as eu-central-1");

/** A leaf that is text or a `${ref:NAME}`. */
export const text = z.string().min(1, "must not be empty");

const labelKey = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Kubernetes labels: keys and values within Kubernetes' limits. */
export const labels = z.record(
  z.string().regex(labelKey, "a label key is [prefix/]name with a name of at most 63 characters"),
  z.string().regex(labelValue, "a label value has at most 63 characters of A-Z a-z 0-9 - _ ."),
);

/** Labels that pods must carry; at least one, because an empty selector means every pod. */
export const selector = labels.refine(
  (value) => Object.keys(value).length > 0,
  "name at least one label: an empty selector would mean every pod of the namespace",
);

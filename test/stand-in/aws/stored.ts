/** Types that the emulator does not have, kept in a file: EKS Pod Identity associations and IAM Roles Anywhere. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Props } from "../provider/values.ts";
import type { Clients } from "./clients.ts";
import { type AwsType, required, texts } from "./type.ts";

/** The account of the emulator. */
const ACCOUNT = "123456789012";
const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/.+/;

function checkRole(arn: string): void {
  if (!ROLE_ARN.test(arn)) throw new Error(`${JSON.stringify(arn)} is not the ARN of a role`);
}

interface Stored {
  readonly kind: string;
  readonly computed: readonly string[];
  readonly replaceOn: readonly string[];
  /** Throws when AWS would refuse. */
  readonly check: (clients: Clients, p: Props, id: string | undefined) => void;
  /** The identifier, and the outputs that AWS decides. */
  readonly name: (clients: Clients, p: Props) => { readonly id: string; readonly made: Props };
}

function stored(type: Stored): AwsType {
  return {
    computed: type.computed,
    replaceOn: type.replaceOn,
    create: async (clients, p) => {
      type.check(clients, p, undefined);
      const { id, made } = type.name(clients, p);
      const outputs = { ...p, ...made };
      clients.store.put(type.kind, id, outputs);
      return { id, outputs };
    },
    update: async (clients, id, now) => {
      type.check(clients, now, id);
      clients.store.put(type.kind, id, { ...clients.store.get(type.kind, id), ...now });
      return {};
    },
    read: async (clients, id) => clients.store.get(type.kind, id) && {},
    delete: async (clients, id) => clients.store.remove(type.kind, id),
  };
}

/** EKS allows one association per cluster, namespace and service account. */
const podIdentityAssociation = stored({
  kind: "podIdentityAssociation",
  computed: ["associationArn", "associationId"],
  replaceOn: ["clusterName", "namespace", "serviceAccount"],
  check: (clients, p, id) => {
    checkRole(required(p, "roleArn"));
    const keys = ["clusterName", "namespace", "serviceAccount"].map((key) => required(p, key));
    for (const [other, value] of clients.store.list("podIdentityAssociation")) {
      const same = keys.join("/") === [value.clusterName, value.namespace, value.serviceAccount].join("/");
      if (other !== id && same) {
        throw new Error(
          `ResourceInUseException: there is an association for ${keys.slice(1).join("/")} in ${keys[0]}`,
        );
      }
    }
  },
  name: (clients, p) => {
    const id = `a-${randomBytes(8).toString("hex")}`;
    const cluster = required(p, "clusterName");
    const associationArn = `arn:aws:eks:${clients.region}:${ACCOUNT}:podidentityassociation/${cluster}/${id}`;
    return { id, made: { associationId: id, associationArn } };
  },
});

const trustAnchor = stored({
  kind: "trustAnchor",
  computed: ["arn"],
  replaceOn: [],
  check: (_clients, p) => {
    required(p, "name");
    if (p.source === undefined) throw new Error("source is missing");
  },
  name: (clients) => {
    const id = randomUUID();
    return { id, made: { arn: `arn:aws:rolesanywhere:${clients.region}:${ACCOUNT}:trust-anchor/${id}` } };
  },
});

const profile = stored({
  kind: "profile",
  computed: ["arn"],
  replaceOn: [],
  check: (_clients, p) => {
    required(p, "name");
    for (const arn of texts(p, "roleArns")) checkRole(arn);
  },
  name: (clients) => {
    const id = randomUUID();
    return { id, made: { arn: `arn:aws:rolesanywhere:${clients.region}:${ACCOUNT}:profile/${id}` } };
  },
});

export const storedTypes: Readonly<Record<string, AwsType>> = {
  "aws:eks/podIdentityAssociation:PodIdentityAssociation": podIdentityAssociation,
  "aws:rolesanywhere/trustAnchor:TrustAnchor": trustAnchor,
  "aws:rolesanywhere/profile:Profile": profile,
};

/** Values that the AWS examples ask for, as a cluster and a database that exist would give them. */
import { join } from "node:path";

const everywhere = {
  account: "123456789012",
  region: "eu-central-1",
  databaseHost: "orders.cluster-abc123.eu-central-1.rds.amazonaws.com",
  databaseResourceId: "cluster-ABCDEFGHIJKL01234",
};

export const EXAMPLE_CONFIG = {
  eks: {
    ...everywhere,
    clusterName: "prod",
    nodeSecurityGroup: "sg-0fedcba9876543210",
    databaseSecurityGroup: "sg-0123456789abcdef0",
  },
  irsa: {
    ...everywhere,
    clusterName: "prod",
    dataAccount: "444455556666",
    deployRole: "arn:aws:iam::444455556666:role/deploy",
    oidcIssuer: "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E",
  },
  // Any text does for a bundle here: neither the mocks nor the stand-in read it.
  "roles-anywhere": { ...everywhere, caBundle: join(import.meta.dirname, "example-config.ts") },
} as const;

/** Keys with their project in front. */
export function configOf(project: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${project}:${key}`, value]));
}

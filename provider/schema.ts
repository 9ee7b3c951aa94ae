/** The package schema: what Pulumi YAML, Python, Go, .NET and Java programs see of the component. */
export function packageSchema(version: string): string {
  const text = { type: "string", plain: true } as const;
  return JSON.stringify({
    name: "portreeve",
    version,
    displayName: "Portreeve",
    description: "Who may touch which TCP port, and who did.",
    license: "Apache-2.0",
    meta: { moduleFormat: "(.*)" },
    language: {
      nodejs: { respectSchemaVersion: true },
      python: { respectSchemaVersion: true },
      go: { respectSchemaVersion: true },
      csharp: { respectSchemaVersion: true },
    },
    types: {
      "portreeve:index:AccountAccess": {
        type: "object",
        description: "How one AWS account is reached.",
        properties: {
          region: { type: "string", description: "Region of the provider." },
          roleArn: {
            type: "string",
            description: "The role in that account that deploys. Default: the credentials at hand.",
          },
          externalId: { type: "string", description: "What the trust of that role asks for." },
          profile: { type: "string", description: "A profile of the AWS configuration." },
        },
      },
    },
    resources: {
      "portreeve:index:AccessPlane": {
        isComponent: true,
        description:
          "A whole policy set as one stack: every service, workload, grant, the guards and the proxy of one cluster.",
        inputProperties: {
          policies: {
            type: "array",
            items: { type: "string", plain: true },
            plain: true,
            description:
              "Files and folders of policies (YAML or JSON), relative to the program's working directory.",
          },
          policyText: { ...text, description: "Policies as YAML text." },
          cluster: { ...text, description: "The cluster of Trust to deploy for. Default: the only one." },
          aws: {
            type: "boolean",
            plain: true,
            description: "Make the AWS side. Default: true when the policies have one.",
          },
          now: { ...text, description: "The instant at which expiry is judged, RFC 3339. Default: now." },
          refs: {
            type: "object",
            additionalProperties: { type: "string" },
            description: "Values of ${ref:NAME} in the policies, such as the endpoint of a database.",
          },
          awsAccounts: {
            type: "object",
            additionalProperties: { $ref: "#/types/portreeve:index:AccountAccess" },
            description:
              "How AWS accounts other than the cluster's are reached, by account number: role chains make roles there.",
          },
        },
        properties: {
          policyDigest: { type: "string", description: "sha256:… of the policy set." },
          accessTable: {
            type: "array",
            items: { $ref: "pulumi.json#/Any" },
            description: "Who may reach what, and through which enforcement point.",
          },
          proxyAddress: { type: "string", description: "DNS name and port of the proxy inside the cluster." },
        },
        required: ["policyDigest", "accessTable"],
      },
    },
  });
}

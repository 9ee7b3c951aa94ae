import type { Finding } from "../../finding.ts";
import type { Cluster, Service } from "../../model/types.ts";
import { awsPartition } from "../../plan/aws-role.ts";
import { proxyLogsIn, serviceUsers } from "../../plan/proxy-login.ts";
import { findingAt } from "../report.ts";
import type { IamStatement } from "./objects.ts";

/** Who the permission to connect is for: the service's clients, or the proxy that logs in for them. */
export type Holder = "client" | "proxy";

/** The statements that reach a service, by who holds them. */
export type Permissions = Readonly<Record<Holder, readonly IamStatement[]>>;

/**
 * The least permission that reaches a service. Where the proxy logs in (`auth`), the proxy holds the permission to connect
 * and the clients need none.
 *
 * @param users as whom the proxy logs in. @default every user that the service lists
 */
export function permissionsOf(
  cluster: Cluster,
  service: Service,
  findings: Finding[],
  users: readonly string[] = serviceUsers(service),
): Permissions {
  const { aws } = service.spec;
  if (!aws) {
    if (proxyLogsIn(service))
      findings.push(incomplete(service, `\`auth: ${service.spec.auth}\` needs the \`aws\` link`));
    return { client: [], proxy: [] };
  }
  const byProxy = proxyLogsIn(service) && users.length > 0;
  const login: IamStatement[] = [];
  const client: IamStatement[] = [];
  if (aws.secret !== undefined && !proxyLogsIn(service)) {
    client.push(allow("ReadSecret", ["secretsmanager:GetSecretValue"], [aws.secret]));
  }
  if (aws.rds || aws.elasticache || aws.msk) {
    const place = placeOf(cluster, service, findings);
    if (!place) return { client, proxy: [] };
    if (aws.rds) login.push(rdsConnect(place, byProxy ? { ...aws.rds, users: [...users] } : aws.rds));
    if (aws.elasticache) {
      login.push(
        elasticacheConnect(place, byProxy ? { ...aws.elasticache, users: [...users] } : aws.elasticache),
      );
    }
    if (aws.msk) client.push(...kafka(place, aws.msk));
  }
  checkAuth(service, findings);
  return proxyLogsIn(service) ? { client, proxy: login } : { client: [...login, ...client], proxy: [] };
}

interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

function placeOf(cluster: Cluster, service: Service, findings: Finding[]): Place | undefined {
  const region = service.spec.aws?.region ?? cluster.eks?.region;
  const account = service.spec.aws?.account ?? cluster.eks?.account;
  if (region !== undefined && account !== undefined)
    return { partition: awsPartition(region), region, account };
  const missing =
    region === undefined ? (account === undefined ? "account and region" : "region") : "account";
  findings.push(
    incomplete(
      service,
      `its AWS ${missing} is not known, and cluster ${cluster.name} has no \`eks\` block to take it from`,
    ),
  );
  return undefined;
}

function checkAuth(service: Service, findings: Finding[]): void {
  const { auth, aws } = service.spec;
  if (auth === "rds-iam" && !aws?.rds) findings.push(incomplete(service, "`auth: rds-iam` needs `aws.rds`"));
  if (auth === "elasticache-iam" && !aws?.elasticache) {
    findings.push(incomplete(service, "`auth: elasticache-iam` needs `aws.elasticache`"));
  }
}

function incomplete(service: Service, what: string): Finding {
  return findingAt(
    "PR603",
    "error",
    { kind: "Service", id: service.name, position: service.position },
    `${service.name} cannot be linked to AWS: ${what}`,
    "complete the Service's `aws` block (account, region and what the service is there)",
  );
}

type Aws = NonNullable<Service["spec"]["aws"]>;

/** RDS names a database in IAM by its resource id, and each database user is a resource of its own. */
function rdsConnect({ partition, region, account }: Place, rds: NonNullable<Aws["rds"]>): IamStatement {
  const database = `arn:${partition}:rds-db:${region}:${account}:dbuser:${rds.resourceId}`;
  return allow(
    "RdsConnect",
    ["rds-db:connect"],
    rds.users.map((user) => `${database}/${user}`),
  );
}

/**
 * ElastiCache checks the cache and the user, both. A replication group and a serverless cache of one name are two caches.
 */
function elasticacheConnect(
  { partition, region, account }: Place,
  cache: NonNullable<Aws["elasticache"]>,
): IamStatement {
  const base = `arn:${partition}:elasticache:${region}:${account}`;
  return allow(
    "CacheConnect",
    ["elasticache:Connect"],
    [
      `${base}:${cache.kind === "serverless" ? "serverlesscache" : "replicationgroup"}:${cache.replicationGroup}`,
      ...cache.users.map((user) => `${base}:user:${user}`),
    ],
  );
}

/** MSK's IAM access control: the cluster, its topics, and consumer groups. */
function kafka({ partition, region, account }: Place, msk: NonNullable<Aws["msk"]>): IamStatement[] {
  const base = `arn:${partition}:kafka:${region}:${account}`;
  const id = `${msk.cluster}/${msk.uuid}`;
  return [
    allow(
      "KafkaConnect",
      ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"],
      [`${base}:cluster/${id}`],
    ),
    allow(
      "KafkaGroups",
      ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
      msk.groups.map((group) => `${base}:group/${id}/${group}`),
    ),
    allow(
      "KafkaTopics",
      ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", "kafka-cluster:WriteData"],
      msk.topics.map((topic) => `${base}:topic/${id}/${topic}`),
    ),
  ];
}

function allow(Sid: string, Action: readonly string[], Resource: readonly string[]): IamStatement {
  return { Sid, Effect: "Allow", Action, Resource };
}

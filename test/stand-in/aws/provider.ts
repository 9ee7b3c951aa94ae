/**
 * Stands in for the AWS provider in tests: IAM and EC2 through the emulator, and a small store for what the emulator
 * does not have. Neither evaluates a policy or a trust: that a deployed role can be taken is not shown by it. Documents
 * are compared as text in a diff, where the real provider compares their meaning.
 */
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import type { Difference } from "../provider/diff.ts";
import type { Created, Resource, StandIn } from "../provider/provider.ts";
import { type Props, UNKNOWN } from "../provider/values.ts";
import { type Clients, connectTo } from "./clients.ts";
import { ec2Types } from "./ec2.ts";
import { iamTypes } from "./iam.ts";
import { storedTypes } from "./stored.ts";
import type { AwsType } from "./type.ts";

const types: Readonly<Record<string, AwsType>> = { ...iamTypes, ...ec2Types, ...storedTypes };

export class AwsStandIn implements StandIn {
  readonly name = "aws";
  readonly version = "7.48.0";
  readonly settings = ["region", "accessKey", "secretKey"];
  #config: Props = {};
  #clients: Clients | undefined;

  configure(config: Props): void {
    this.#config = config;
  }

  async check(resource: Resource, now: Props, old: Props, seed: string): Promise<Props> {
    const { named } = this.#type(resource);
    if (named === undefined || now[named] !== undefined) return now;
    return { ...now, [named]: old[named] ?? `${resource.name}-${seed.slice(0, 7)}` };
  }

  replaces(resource: Resource, difference: Difference): boolean {
    return this.#type(resource).replaceOn.includes(String(difference.path[0]));
  }

  deleteFirst(resource: Resource, now: Props, old: Props): boolean {
    const { named } = this.#type(resource);
    return named !== undefined && now[named] === old[named];
  }

  async previewCreate(resource: Resource, inputs: Props): Promise<Props> {
    const { computed } = this.#type(resource);
    return { ...this.#withAllTags(inputs), ...Object.fromEntries(computed.map((key) => [key, UNKNOWN])) };
  }

  async previewUpdate(_resource: Resource, _id: string, inputs: Props, old: Props): Promise<Props> {
    return this.#withAllTags({ ...old, ...inputs });
  }

  async create(resource: Resource, inputs: Props): Promise<Created> {
    const { id, outputs } = await this.#type(resource).create(this.#connected(), inputs);
    return { id, outputs: this.#withAllTags(outputs) };
  }

  async update(resource: Resource, id: string, inputs: Props, old: Props): Promise<Props> {
    const type = this.#type(resource);
    if (type.update === undefined) throw new Error(`${resource.type} cannot be changed in place`);
    const changed = await type.update(this.#connected(), id, inputs, old);
    const kept = Object.fromEntries(
      type.computed.flatMap((key) => (key in old ? [[key, old[key] ?? null]] : [])),
    );
    return this.#withAllTags({ ...kept, ...inputs, ...changed });
  }

  async read(resource: Resource, id: string, outputs: Props, inputs: Props) {
    const live = await this.#type(resource).read(this.#connected(), id, outputs);
    if (live === undefined) return undefined;
    const compared = Object.fromEntries(Object.entries(live).filter(([key]) => key in inputs));
    return { outputs: { ...outputs, ...live }, inputs: { ...inputs, ...compared } };
  }

  async delete(resource: Resource, id: string, outputs: Props): Promise<void> {
    await this.#type(resource).delete(this.#connected(), id, outputs);
  }

  async invoke(token: string): Promise<Props> {
    switch (token) {
      case "aws:index/getCallerIdentity:getCallerIdentity": {
        const {
          Account = "",
          Arn = "",
          UserId = "",
        } = await this.#connected().sts.send(new GetCallerIdentityCommand({}));
        return { accountId: Account, arn: Arn, userId: UserId, id: Account };
      }
      case "aws:index/getPartition:getPartition":
        return { partition: "aws", dnsSuffix: "amazonaws.com", reverseDnsPrefix: "com.amazonaws", id: "aws" };
      case "aws:index/getRegion:getRegion": {
        const { region } = this.#connected();
        return { region, name: region, id: region };
      }
      default:
        throw new Error(`the function ${token} is not written`);
    }
  }

  #type(resource: Resource): AwsType {
    const type = types[resource.type];
    if (type === undefined) {
      throw new Error(`${resource.type} is not written; there are: ${Object.keys(types).join(", ")}`);
    }
    return type;
  }

  #connected(): Clients {
    this.#clients ??= connectTo(this.#config);
    return this.#clients;
  }

  /** The real provider's `tagsAll`: a resource's tags together with the provider's default ones. */
  #withAllTags(outputs: Props): Props {
    if (outputs.tags === undefined) return outputs;
    return { ...outputs, tagsAll: { ...this.#connected().defaultTags, ...(outputs.tags as Props) } };
  }
}

/**
 * Pulumi's own mock monitor in preview mode, recording what a program registers: type, name, parent, inputs and
 * options. Unknown values arrive as unknown, as in a real preview. It proves which resources are asked for, not that
 * a provider accepts them; the tests with the real engine do that.
 */
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";

export interface Registered {
  readonly type: string;
  readonly name: string;
  /** Name of the parent; empty for the stack. */
  readonly parent: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly protect: boolean;
  /** Name of the explicit provider, if any. */
  readonly provider: string;
  readonly aliases: readonly string[];
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getProvider(): string;
  getAliasesList(): { getSpec(): { getName(): string } | undefined; getUrn(): string }[];
}

const requests = new Map<string, RegisterRequest>();
const register = MockMonitor.prototype.registerResource;
MockMonitor.prototype.registerResource = function (
  this: unknown,
  request: RegisterRequest,
  ...rest: unknown[]
) {
  requests.set(`${request.getType()}|${request.getName()}`, request);
  return register.call(this as never, request as never, ...(rest as [never]));
} as typeof register;

/** What stands for a value that is unknown in a preview. */
export const UNKNOWN = "<unknown>";

/** Runs a program in preview mode and returns what it registered, ordered by type and name. */
export async function previewed(
  program: () => unknown,
  config: Readonly<Record<string, string>> = {},
): Promise<Registered[]> {
  const seen: { type: string; name: string; inputs: Record<string, unknown> }[] = [];
  requests.clear();
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => {
        seen.push({ type: args.type, name: args.name, inputs: args.inputs as Record<string, unknown> });
        return { id: `${args.name}-id`, state: args.inputs as object };
      },
      call: (args) => args.inputs as Record<string, unknown>,
    },
    "test",
    "test",
    true,
  );
  pulumi.runtime.setAllConfig({ ...config });
  await pulumi.runtime.runInPulumiStack(async () => {
    await program();
  });
  await pulumi.runtime.disconnect(false);
  return [...requests.values()]
    .filter((request) => request.getType() !== "pulumi:pulumi:Stack")
    .map((request) => {
      const type = request.getType();
      const name = request.getName();
      return {
        type,
        name,
        parent: nameOf(request.getParent()),
        inputs: shown(seen.find((one) => one.type === type && one.name === name)?.inputs ?? {}) as Record<
          string,
          unknown
        >,
        protect: request.getProtect(),
        provider: nameOf(request.getProvider()),
        aliases: request.getAliasesList().map((alias) => alias.getSpec()?.getName() ?? alias.getUrn()),
      };
    })
    .sort((a, b) => (`${a.type}|${a.name}` < `${b.type}|${b.name}` ? -1 : 1));
}

function nameOf(urn: string): string {
  const parts = urn.split("::");
  return parts[2] === "pulumi:pulumi:Stack" ? "" : (parts[3] ?? "");
}

/** Names what is unknown, so that a test cannot overlook it. */
function shown(value: unknown): unknown {
  if (value === undefined || pulumi.isUnknown(value)) return UNKNOWN;
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item)]));
}

import { bold } from "../format/color.ts";
import { columns } from "../format/columns.ts";
import { Authorizer } from "../people/authorization.ts";
import { chooseContext } from "../people/contexts.ts";
import { listAccess } from "../people/proxy/access.ts";
import type { AccessList, ReachableService } from "../people/proxy/answers.ts";
import { printable } from "../people/proxy/refusal.ts";

/** What the caller may reach now, for people or as the proxy said it. */
export async function listServices(
  contextName: string | undefined,
  format: "text" | "json",
  color: boolean,
): Promise<string> {
  const list = await listAccess(new Authorizer(chooseContext(contextName)));
  return format === "json" ? `${JSON.stringify(list, undefined, 2)}\n` : table(list, color);
}

function table({ services }: AccessList, color: boolean): string {
  if (services.length === 0) return "You may reach no service now.\n";
  const [head = "", ...lines] = columns([
    ["SERVICE", "PORTS", "UNTIL", "OWNER", "DESCRIPTION"],
    ...services.map(row),
  ]);
  return `${[bold(head, color), ...lines].join("\n")}\n`;
}

function row({ service, ports, until, owner, description }: ReachableService): readonly string[] {
  return [
    printable(service),
    ports.map(({ port, protocol }) => `${port}/${printable(protocol)}`).join(", "),
    until ?? "-",
    printable(owner ?? "-"),
    printable(description ?? ""),
  ];
}

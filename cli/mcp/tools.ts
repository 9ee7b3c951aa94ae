import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { Authorizer } from "../people/authorization.ts";
import { messageOf } from "../people/private-file.ts";
import { askAccess, listAccess } from "../people/proxy/access.ts";
import { adviceLines, printable } from "../people/proxy/refusal.ts";
import { findTarget, parseAsked } from "../people/proxy/target.ts";
import type { Bounds, Openings } from "./openings.ts";

const service = z.string().max(63).describe("Name of the service, as list_services has it");
const port = z.number().int().min(1).max(65_535);
/** Nothing that a tool does changes what anybody may reach. */
const READS = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;
const OPENS = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: true,
} as const;

/** Adds the tools: what this agent may reach, a way to it for a while, and why not. None widens access. */
export function addTools(
  server: McpServer,
  authorizer: Authorizer,
  openings: Openings,
  bounds: Bounds,
): void {
  server.registerTool(
    "list_services",
    {
      title: "Services you may reach",
      description:
        "Lists the TCP services that you may reach at this moment, with their ports, protocols, owners and until when; and the connections that you have open.",
      annotations: READS,
    },
    () =>
      answering(async () => {
        const { principal, services } = await listAccess(authorizer);
        const open = openings.list().map(({ id, target, address, until, lastRefusal }) => ({
          id,
          service: target.service,
          port: target.port,
          address,
          until: new Date(until).toISOString(),
          ...(lastRefusal() === undefined ? {} : { lastRefusal: lastRefusal() }),
        }));
        return { principal, services, open };
      }),
  );
  server.registerTool(
    "open_connection",
    {
      title: "Open a connection",
      description:
        "Opens a port on 127.0.0.1 that leads to a service, for some minutes. Point the service's usual client at it, without TLS; what leaves this machine is encrypted and authenticated as you.",
      inputSchema: {
        service,
        port: port.optional().describe("Port of the service; may be left out when it has one"),
        minutes: z
          .number()
          .min(1)
          .max(bounds.maxMinutes)
          .default(Math.min(15, bounds.maxMinutes))
          .describe("How long it stays open"),
      },
      annotations: OPENS,
    },
    (asked) =>
      answering(async () => {
        const target = await findTarget(authorizer, { ...parseAsked(asked.service), port: asked.port });
        const { id, address, until } = await openings.open(target, asked.minutes);
        const [host = "", local = ""] = address.split(":");
        return {
          id,
          service: target.service,
          servicePort: target.port,
          protocol: target.protocol,
          host,
          port: Number(local),
          until: new Date(until).toISOString(),
        };
      }),
  );
  server.registerTool(
    "close_connection",
    {
      title: "Close a connection",
      description: "Ends a port that open_connection opened, and every connection through it.",
      inputSchema: { id: z.string().max(64).describe("The id that open_connection gave") },
      annotations: { ...OPENS, idempotentHint: true, openWorldHint: false },
    },
    ({ id }) => answering(async () => ({ closed: await openings.close(id) })),
  );
  server.registerTool(
    "why_refused",
    {
      title: "Why a service is refused",
      description:
        "Says whether you may reach a port of a service now, and if not, what is missing, who owns it and how a person asks for it.",
      inputSchema: { service, port: port.describe("Port of the service") },
      annotations: READS,
    },
    (asked) =>
      answering(async () => {
        const answer = await askAccess(authorizer, parseAsked(asked.service).service, asked.port);
        const { verdict, reason, missing, owner, howToAsk } = answer;
        const name = `${answer.service}:${answer.port}`;
        const told =
          verdict === "allow" ? [] : adviceLines(missing, owner, name, howToAsk).map((line) => line.trim());
        return { service: name, verdict, reason: printable(reason ?? ""), advice: told };
      }),
  );
}

/** A result as data and as text; a failure as MCP has it: told to the model, and no end of the session. */
async function answering(work: () => Promise<Record<string, unknown>>): Promise<CallToolResult> {
  try {
    const structuredContent = await work();
    return {
      content: [{ type: "text", text: JSON.stringify(structuredContent, undefined, 2) }],
      structuredContent,
    };
  } catch (error) {
    return { isError: true, content: [{ type: "text", text: messageOf(error) }] };
  }
}

import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { joinName } from "../../policy/model/names.ts";
import { API_VERSION } from "../../policy/schema/index.ts";

/** For whom access is asked: somebody whom the policies know by a name, or a person, who has none there. */
export type Beneficiary =
  | { readonly type: "group"; readonly name: string }
  | { readonly type: "agent"; readonly name: string }
  | { readonly type: "user"; readonly user: string };

/** What is asked for. */
export interface AccessRequest {
  readonly service: string;
  readonly port: number | undefined;
  readonly who: Beneficiary;
  /** RFC 3339. */
  readonly expires: string;
  readonly reason: string;
  readonly ticket: string | undefined;
  /** Who asks, as far as that is known; answers for the grant. */
  readonly owner: string | undefined;
}

/** A file for a pull request. */
export interface RequestFile {
  /** Of the grant, and of the file without its ending. */
  readonly name: string;
  readonly text: string;
}

/**
 * The grant, and for a person the group that names only them, as one file. The same request has the same name, another
 * one has another: so two requests never meet in one file, and asking twice changes nothing.
 *
 * @param group of that one person, when the policies have one already
 */
export function requestFile(request: AccessRequest, group: string | undefined): RequestFile {
  const { service, port, who, expires, reason, ticket, owner } = request;
  const short = nameOf(who)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const hash = createHash("sha256")
    .update(JSON.stringify([service, port, who, expires, reason]))
    .digest("hex");
  const name = `${joinName(["request", service, ...(short === "" ? [] : [short])], 54).replace(/-+$/, "")}-${hash.slice(0, 8)}`;
  const made = who.type === "user" && group === undefined;
  const grant = {
    apiVersion: API_VERSION,
    kind: "Grant",
    metadata: { name },
    spec: {
      from: who.type === "agent" ? { agents: [who.name] } : { groups: [groupOf(who, group ?? name)] },
      to: { service, ...(port === undefined ? {} : { ports: [port] }) },
      when: { expires },
      reason,
      ...(ticket === undefined ? {} : { ticket }),
      ...(owner === undefined ? {} : { owner }),
    },
  };
  const documents = made ? [groupDocument(name, who.user, owner), grant] : [grant];
  const head = `# Access for a while: ended by the proxy at ${expires}, without a deployment. Then remove this file.\n`;
  return { name, text: head + documents.map((document) => stringify(document)).join("---\n") };
}

function groupOf(who: Exclude<Beneficiary, { readonly type: "agent" }>, group: string): string {
  return who.type === "group" ? who.name : group;
}

function groupDocument(name: string, user: string, owner: string | undefined): unknown {
  return {
    apiVersion: API_VERSION,
    kind: "Group",
    metadata: { name },
    spec: { members: { users: [user] }, ...(owner === undefined ? {} : { owner }) },
  };
}

function nameOf(who: Beneficiary): string {
  // Of a person what stands before the @: names are for reading, and the hash tells two of them apart.
  return who.type === "user" ? (who.user.replace(/^[^:]*:/, "").split("@", 1)[0] ?? "") : who.name;
}

import type { ProxyAgent } from "../../policy/compile/proxy/config.ts";
import type { PrincipalChain } from "../../policy/decide/index.ts";
import { roleWithoutPath } from "../../policy/decide/key.ts";

/** Who is shut out, by one of: the name of an agent, `provider:user`, the ARN of a role, the id of a connection. */
export interface RevocationTarget {
  readonly agent?: string | undefined;
  readonly user?: string | undefined;
  readonly role?: string | undefined;
  readonly connection?: string | undefined;
}

export interface Revocation extends RevocationTarget {
  /** When it ends, epoch milliseconds. @default never, as long as the process lives */
  readonly until?: number | undefined;
}

/**
 * Who was shut out by an operator. Held in memory: it bridges the time until the policy says the same (`suspended: true`,
 * or a deny), and a process that starts anew knows only the policy.
 */
export class Revocations {
  readonly #until = new Map<string, number>();

  /** Bounded, because operators' scripts have loops too. */
  static readonly MAX = 10_000;

  /** @returns false when there are too many */
  add(revocation: Revocation, at: number): boolean {
    for (const [key, until] of this.#until) if (until <= at) this.#until.delete(key);
    const key = keyOf(revocation);
    if (key === undefined) return true;
    if (this.#until.size >= Revocations.MAX && !this.#until.has(key)) return false;
    this.#until.set(key, revocation.until ?? Number.POSITIVE_INFINITY);
    return true;
  }

  get size(): number {
    return this.#until.size;
  }

  /**
   * Whether a member of the chain is shut out. A chain is only as good as each of its members; the one user that an agent
   * acts for is one, asserted or not.
   */
  holds({ person, agent }: PrincipalChain, agents: ReadonlyMap<string, ProxyAgent>, at: number): boolean {
    if (this.#until.size === 0) return false;
    const behind = person || agent === undefined ? person?.user : agents.get(agent)?.onBehalfOfUser;
    const keys = [keyOf({ agent }), keyOf({ user: behind }), keyOf({ role: person?.awsRole })];
    return keys.some((key) => key !== undefined && (this.#until.get(key) ?? 0) > at);
  }
}

/** A single connection is closed, and there is nothing to remember. */
function keyOf({ agent, user, role }: RevocationTarget): string | undefined {
  if (agent !== undefined) return `agent ${agent}`;
  if (user !== undefined) return `user ${user}`;
  if (role !== undefined) return `role ${roleWithoutPath(role)}`;
  return undefined;
}

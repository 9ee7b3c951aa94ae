import type { Person, PrincipalChain } from "../../policy/decide/index.ts";

/** What a verified credential says: who it is, on whose word, and for how long. */
export interface Credential {
  readonly kind: "oidc" | "aws";
  /** Name of the identity provider. */
  readonly provider: string;
  /** The token's `iss`, or the STS endpoint that vouched. */
  readonly issuer: string;
  /** The person or role; undefined for an agent that speaks for itself. */
  readonly person: Person | undefined;
  /** Name of the agent; an actor that is no agent of the estate is named `provider:subject`, which no policy allows. */
  readonly agent: string | undefined;
  /** Session name of a role: chosen by whoever took the role, so recorded and never judged by. */
  readonly session: string | undefined;
  /**
   * What the acceptance depended on, judged again after a reload: accepted audiences and client, and whether the token says
   * anything of groups; or the account.
   */
  readonly accepted: {
    readonly audiences: readonly string[];
    readonly client?: string | undefined;
    readonly saysGroups?: boolean;
    readonly account?: string;
  };
  /** When it ends, epoch milliseconds. */
  readonly expires: number;
  /** When a connection that rests on it is closed: `expires` and the provider's grace, or its tolerance where that is more. Epoch milliseconds. */
  readonly until: number;
}

/** Why a credential is not accepted. Stable: in records and metrics. */
export type CredentialRefusal =
  | "malformed"
  | "too-large"
  | "no-provider"
  | "algorithm"
  | "type"
  | "unknown-key"
  | "signature"
  | "expired"
  | "not-yet-valid"
  | "audience"
  | "client"
  | "claims"
  | "groups-missing"
  | "groups-overage"
  | "bound-to-key"
  | "request"
  | "replayed"
  | "account"
  | "identity"
  | "conflict"
  | "revoked"
  /** The provider cannot be asked, and what is cached does not suffice. */
  | "unavailable";

export type Outcome =
  | { readonly ok: true; readonly credential: Credential }
  | {
      readonly ok: false;
      readonly refusal: CredentialRefusal;
      /** For its holder: what is wrong and what to do. Holds nothing of the credential's content. */
      readonly why: string;
      /** Which provider was concerned, where that is known. */
      readonly provider?: string | undefined;
    };

/** Shorthand for a refusal. */
export function refused(refusal: CredentialRefusal, why: string, provider?: string): Outcome & { ok: false } {
  return { ok: false, refusal, why, provider };
}

/** A refusal that is thrown from where it is found. */
export class Refused extends Error {
  readonly refusal: CredentialRefusal;

  constructor(refusal: CredentialRefusal, why: string, options?: ErrorOptions) {
    super(why, options);
    this.refusal = refusal;
  }
}

/**
 * The chain of a connection: the workload of its certificate, and whom the credential names. Undefined when certificate and
 * credential name different agents: then it is not known whose limits hold.
 */
export function chainOf(transport: PrincipalChain, credential: Credential): PrincipalChain | undefined {
  const { person, agent } = credential;
  if (transport.agent !== undefined && agent !== undefined && transport.agent !== agent) return undefined;
  const acting = agent ?? transport.agent;
  return {
    ...(transport.workload !== undefined && { workload: transport.workload }),
    ...(person && { person }),
    ...(acting !== undefined && { agent: acting }),
  };
}

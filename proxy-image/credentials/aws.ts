import { roleOfCaller } from "./caller-arn.ts";
import { type Credential, type Outcome, Refused, refused } from "./credential.ts";
import { type Answer, type FetchOptions, fetchText } from "./fetch-text.ts";
import { Replay, type ReplayMemory } from "./replay.ts";
import {
  type AwsProvider,
  CALLER_IDENTITY,
  readSignedRequest,
  type SignedRequest,
} from "./signed-request.ts";
import { SourceBound } from "./source-bound.ts";

/**
 * Questions to STS at one time: strangers can make the proxy ask, and must neither make it ask without end nor keep others
 * from asking.
 */
const MAX_ASKING = 64;

/** Verifies signed GetCallerIdentity requests by sending them to STS, which alone can check the signature. */
export class AwsVerifier {
  readonly #fetch: (url: string, options: FetchOptions) => Promise<Answer>;
  readonly #replay: ReplayMemory;
  readonly #asking = new SourceBound(() => MAX_ASKING);

  constructor(
    fetch: (url: string, options: FetchOptions) => Promise<Answer> = fetchText,
    replay: ReplayMemory = new Replay(),
  ) {
    this.#fetch = fetch;
    this.#replay = replay;
  }

  /**
   * @param from address of the client
   * @param at epoch milliseconds
   */
  async verify(
    encoded: string,
    providers: readonly AwsProvider[],
    from: string,
    at: number,
  ): Promise<Outcome> {
    let provider: string | undefined;
    try {
      if (providers.length === 0) throw new Refused("no-provider", "no AWS account is accepted here");
      const request = readSignedRequest(encoded, new Set(providers.map(({ endpoint }) => endpoint)));
      const fitting = providers.filter(
        ({ endpoint, audience }) => endpoint === request.endpoint && audience === request.audience,
      );
      const [first] = fitting;
      if (!first)
        throw new Refused("audience", "the request was signed for another audience (`x-portreeve-audience`)");
      provider = first.name;
      checkAge(request, first, at);
      const { caller, own } = await this.#ask(request, fitting, first, from, at);
      provider = own.name;
      return { ok: true, credential: credentialOf(caller, own, request) };
    } catch (error) {
      if (error instanceof Refused) return refused(error.refusal, error.message, provider);
      throw error;
    }
  }

  /** @param first the provider whose times count: any of the fitting ones, until the account is known */
  async #ask(
    request: SignedRequest,
    fitting: readonly AwsProvider[],
    first: AwsProvider,
    from: string,
    at: number,
  ): Promise<{ caller: Caller; own: AwsProvider }> {
    const reached = this.#asking.enter(from);
    if (reached !== undefined) {
      throw new Refused("unavailable", `too many requests to STS are under way ${reached}; try again`);
    }
    try {
      await this.#useOnce(request, first, at);
      try {
        return callerOf(readAnswer(await this.#send(request, first)), request, fitting);
      } catch (error) {
        // Nobody was let in on it: what is genuine may be tried again; and neither inventions nor the genuine requests of
        // foreign accounts, which anybody can have, must fill the memory.
        this.#replay.release(request.signature);
        throw error;
      }
    } finally {
      this.#asking.leave(from);
    }
  }

  async #useOnce({ signature, signedAt }: SignedRequest, provider: AwsProvider, at: number): Promise<void> {
    const use = await this.#replay.use(signature, signedAt + provider.maxAge + provider.clockSkew, at);
    switch (use) {
      case "first":
        return;
      case "replayed":
        throw new Refused("replayed", "this request was used before; sign a new one for each connection");
      case "full":
        throw new Refused("unavailable", "too many signed requests at this time");
      case "unknown":
        throw new Refused("unavailable", "whether this request was used before cannot be found out");
    }
  }

  async #send(request: SignedRequest, provider: AwsProvider): Promise<Answer> {
    const url = provider.stsUrl ?? `https://${request.endpoint}/`;
    try {
      return await this.#fetch(url, {
        method: "POST",
        headers: request.headers,
        body: CALLER_IDENTITY,
        maxBytes: 64 * 1024,
      });
    } catch (cause) {
      throw new Refused("unavailable", "STS cannot be reached", { cause });
    }
  }
}

type Caller = ReturnType<typeof roleOfCaller>;

/** Who signed, and by which provider's account. */
function callerOf(
  { arn, account }: { arn: string; account: string },
  { region }: SignedRequest,
  fitting: readonly AwsProvider[],
): { caller: Caller; own: AwsProvider } {
  const caller = roleOfCaller(arn, region);
  const own = fitting.find(({ accounts }) => accounts.includes(caller.account));
  if (!own || account !== caller.account)
    throw new Refused("account", "the role's account is not accepted here");
  return { caller, own };
}

function checkAge(
  { signedAt }: SignedRequest,
  { maxAge, session, clockSkew }: AwsProvider,
  at: number,
): void {
  if (signedAt > at + clockSkew)
    throw new Refused("not-yet-valid", "the request is dated in the future; check the clock");
  if (at - signedAt > Math.min(maxAge, session))
    throw new Refused("expired", "the request is too old; sign a new one");
}

/** Of the answer only two elements are read, each of which must be there exactly once. */
function readAnswer({ status, text }: Answer): { arn: string; account: string } {
  if (status >= 500 || status === 429) throw new Refused("unavailable", `STS answered with status ${status}`);
  if (status !== 200) {
    const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1] ?? `status ${status}`;
    // Throttling is no word on the signature.
    if (code === "Throttling") throw new Refused("unavailable", "STS is throttling");
    throw new Refused("signature", `STS does not accept the signature (${code})`);
  }
  const arn = only(text, "Arn");
  const account = only(text, "Account");
  if (!text.includes("<GetCallerIdentityResult>") || arn === undefined || account === undefined) {
    throw new Refused("identity", "STS answered with something else than an identity");
  }
  return { arn, account };
}

function only(text: string, element: string): string | undefined {
  const [first, ...more] = text.matchAll(new RegExp(`<${element}>([^<>&]{1,2048})</${element}>`, "g"));
  return more.length === 0 ? first?.[1]?.trim() : undefined;
}

function credentialOf(
  { role, account, session }: Caller,
  provider: AwsProvider,
  { signedAt, endpoint, audience }: SignedRequest,
): Credential {
  const expires = signedAt + provider.session;
  return {
    kind: "aws",
    provider: provider.name,
    issuer: endpoint,
    person: { awsRole: role },
    agent: undefined,
    session,
    accepted: { audiences: [audience], account },
    expires,
    until: expires + provider.grace,
  };
}

import type { Entry } from "@napi-rs/keyring";
import { CliError } from "../../exit.ts";
import { messageOf } from "../private-file.ts";
import type { CredentialStore } from "./stored.ts";

const SERVICE = "portreeve";
/**
 * On Linux only the Secret Service: the kernel's keyring, which the package would fall back to, is gone with the session
 * and shared in ways that a user does not see.
 */
const OPTIONS = { linux: { store: "secret-service" } } as const;

/** The keyring of the operating system; `undefined` where there is none that works, as on most servers. */
export async function keyringStore(): Promise<CredentialStore | undefined> {
  let entryOf: (context: string) => Entry;
  try {
    const keyring = await import("@napi-rs/keyring");
    entryOf = (context) => new keyring.Entry(SERVICE, context, OPTIONS);
    entryOf("probe").getPassword();
  } catch {
    // Not installed, no build for this platform, no keyring, or a locked one: each means the same, files.
    return undefined;
  }
  return {
    what: "the keyring of the operating system",
    read: (context) => asking(() => entryOf(context).getPassword() ?? undefined),
    write: (context, text) => asking(() => entryOf(context).setPassword(text)),
    remove: (context) => void asking(() => entryOf(context).deletePassword()),
  };
}

function asking<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CliError(
      `the keyring of the operating system: ${messageOf(cause)}. With PORTREEVE_CREDENTIAL_STORE=file none is used`,
      undefined,
      { cause },
    );
  }
}

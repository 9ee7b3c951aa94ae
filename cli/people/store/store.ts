import { CliError } from "../../exit.ts";
import { fileStore } from "./file-store.ts";
import { keyringStore } from "./keyring-store.ts";
import type { CredentialStore } from "./stored.ts";

/**
 * Where this user's credentials are kept: the OS keyring where one works, else files. `PORTREEVE_CREDENTIAL_STORE` with
 * `file` or `keyring` decides otherwise.
 *
 * @throws CliError when the keyring is demanded and there is none
 */
export async function openStore(): Promise<CredentialStore> {
  const wanted = process.env["PORTREEVE_CREDENTIAL_STORE"] ?? "";
  if (!["", "file", "keyring"].includes(wanted)) {
    throw new CliError(`PORTREEVE_CREDENTIAL_STORE is "${wanted}": write file or keyring`);
  }
  const files = fileStore();
  if (wanted === "file") return files;
  const keyring = await keyringStore();
  if (keyring) return wanted === "keyring" ? keyring : eitherStore(keyring, files);
  if (wanted === "keyring") {
    throw new CliError(
      "no keyring of the operating system can be used here, and PORTREEVE_CREDENTIAL_STORE wants one",
    );
  }
  return files;
}

/** The keyring, and files for what it refuses: some hold no entry as long as the tokens of some providers. */
export function eitherStore(keyring: CredentialStore, files: CredentialStore): CredentialStore {
  return {
    what: keyring.what,
    read: (context) => keyring.read(context) ?? files.read(context),
    write: (context, text) => {
      try {
        keyring.write(context, text);
      } catch {
        keyring.remove(context);
        files.write(context, text);
        return;
      }
      files.remove(context);
    },
    remove: (context) => {
      keyring.remove(context);
      files.remove(context);
    },
  };
}

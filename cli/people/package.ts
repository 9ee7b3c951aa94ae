import { CliError } from "../exit.ts";

/**
 * Loads a package that only some commands need, and that an installation may have left out.
 *
 * @throws CliError that names the package, when it is missing
 */
export async function needPackage<T>(name: string, purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND";
    if (!missing) throw cause;
    throw new CliError(
      `${purpose} needs the package ${name}, which is not installed. Run: npm install ${name}`,
      undefined,
      { cause },
    );
  }
}

import { instant } from "../policy/schema/primitives.ts";
import { CliError } from "./exit.ts";

/** The instant an option names, or now: the policy core has no clock of its own. */
export function instantOption(option: string, text: string | undefined): number {
  if (text === undefined) return Date.now();
  if (!instant.safeParse(text).success) {
    throw new CliError(`${option} "${text}": write an instant such as 2027-03-31T00:00:00Z`);
  }
  return Date.parse(text);
}

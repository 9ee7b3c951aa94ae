import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Where contexts and credentials are: `$PORTREEVE_HOME`, else `portreeve` in `$XDG_CONFIG_HOME`, else
 * `~/.config/portreeve`.
 */
export function portreeveHome(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const own = env["PORTREEVE_HOME"];
  if (own !== undefined && own !== "") return own;
  const xdg = env["XDG_CONFIG_HOME"];
  // The XDG specification has relative paths ignored: they would mean another folder in every directory.
  const config = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), ".config");
  return join(config, "portreeve");
}

import { spawn } from "node:child_process";

/** True where a browser of this person can be expected: not over SSH, not without a display, not in a script. */
export function hasBrowser(
  env: Readonly<Record<string, string | undefined>> = process.env,
  terminal: boolean = process.stderr.isTTY === true,
): boolean {
  if (!terminal || env["SSH_CONNECTION"] || env["SSH_TTY"]) return false;
  if (process.platform !== "linux") return true;
  return Boolean(env["DISPLAY"] || env["WAYLAND_DISPLAY"] || env["WSL_DISTRO_NAME"]);
}

/** Opens a page; that this fails is no failure, because the address is printed too. No shell ever sees the address. */
export function openBrowser(url: URL): void {
  const [command, ...args] = opener();
  if (command === undefined) return;
  const child = spawn(command, [...args, url.href], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}

function opener(): readonly string[] {
  const chosen = process.env["BROWSER"];
  if (chosen !== undefined && chosen !== "") return [chosen];
  switch (process.platform) {
    case "darwin":
      return ["open"];
    case "win32":
      return ["rundll32", "url.dll,FileProtocolHandler"];
    default:
      return ["xdg-open"];
  }
}

/** How Istio marks an address as a Unix domain socket. */
export const UNIX_PREFIX = "unix://";

/** What is wrong with the part after `unix://`, or undefined: an absolute path of a file, or an abstract `@name`. */
export function unixPathProblem(path: string): string | undefined {
  if (path === "") return "a Unix domain socket's path must not be empty";
  if (path.startsWith("@")) return undefined;
  return path.startsWith("/") && !path.endsWith("/")
    ? undefined
    : `${JSON.stringify(path)} is not an absolute path of a file`;
}

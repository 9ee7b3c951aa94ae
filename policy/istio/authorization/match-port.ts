/** A port as istiod reads it from a policy: decimal digits, 0 to 65535; anything else is no port. */
export function parsePort(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}

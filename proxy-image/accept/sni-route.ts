/** The route of a server name: an exact one before a `*.` one, which stands for exactly one label. */
export function sniRoute<Route extends { readonly sni: readonly string[] }>(
  routes: readonly Route[],
  name: string | undefined,
): Route | undefined {
  if (name === undefined) return undefined;
  const exact = name.toLowerCase();
  const dot = exact.indexOf(".");
  const wild = dot < 0 ? undefined : `*${exact.slice(dot)}`;
  return (
    routes.find(({ sni }) => sni.some((known) => known.toLowerCase() === exact)) ??
    routes.find(({ sni }) => wild !== undefined && sni.some((known) => known.toLowerCase() === wild))
  );
}

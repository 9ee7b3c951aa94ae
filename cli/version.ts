import { readFileSync } from "node:fs";

/** Put in by whoever bundles the proxy into one file, beside which there is no package.json; see build-image.sh. */
declare const PORTREEVE_BUNDLED_VERSION: string | undefined;

/** Portreeve's version, from the nearest package.json above: one above `cli/` in the sources, two above in `dist/`. */
export function version(): string {
  if (typeof PORTREEVE_BUNDLED_VERSION === "string") return PORTREEVE_BUNDLED_VERSION;
  for (const up of ["../package.json", "../../package.json"]) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8"));
      if (isPortreeve(parsed)) return parsed.version;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  return "unknown";
}

function isPortreeve(value: unknown): value is { readonly version: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    value.name === "portreeve" &&
    "version" in value &&
    typeof value.version === "string"
  );
}

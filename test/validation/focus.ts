import fc from "fast-check";

/** One text in an object that is otherwise fine: a grammar that Istio reads inside of a string, on its own. */
export interface Focus {
  readonly name: string;
  /** What the texts are put together from. */
  readonly pieces: readonly string[];
  readonly object: (text: string) => unknown;
}

/** Texts made of a focus's pieces. */
export function focusedText(focus: Focus): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...focus.pieces), { maxLength: 8 }).map((pieces) => pieces.join(""));
}

/** An object of the networking group. */
export const networking = (kind: string, spec: unknown): unknown => ({
  apiVersion: "networking.istio.io/v1",
  kind,
  metadata: { name: "x", namespace: "app" },
  spec,
});

/** An object of the security group. */
export const security = (kind: string, spec: unknown): unknown => ({
  apiVersion: "security.istio.io/v1",
  kind,
  metadata: { name: "x", namespace: "app" },
  spec,
});

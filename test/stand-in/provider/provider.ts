/** What a stand-in provider has to say and do; the gRPC around it is in serve.ts. */
import type { Difference } from "./diff.ts";
import type { Props } from "./values.ts";

export interface Resource {
  readonly urn: string;
  /** For example `kubernetes:core/v1:ConfigMap`. */
  readonly type: string;
  /** The name in the program. */
  readonly name: string;
}

export interface Created {
  readonly id: string;
  readonly outputs: Props;
}

export interface StandIn {
  /** The package it stands in for. */
  readonly name: string;
  /** The version of the package whose behaviour it follows. */
  readonly version: string;
  /** Settings of the provider itself: all that a program in YAML may say of it. */
  readonly settings: readonly string[];
  /** Called once, with the provider's own configuration. */
  configure(config: Props): void;
  /** Fills in defaults and names. `seed` is the same for every check of the same new resource in one update. */
  check(resource: Resource, now: Props, old: Props, seed: string): Promise<Props>;
  /** Must this difference replace the object, because it cannot be changed in place? */
  replaces(resource: Resource, difference: Difference, old: Props): boolean;
  /** When replaced: must the old object go first, because both would have the same name? */
  deleteFirst(resource: Resource, now: Props, old: Props): boolean;
  /** During a preview: the outputs as far as they are known; throws when the object would be refused. */
  previewCreate(resource: Resource, inputs: Props): Promise<Props>;
  create(resource: Resource, inputs: Props): Promise<Created>;
  previewUpdate(resource: Resource, id: string, inputs: Props, old: Props): Promise<Props>;
  update(resource: Resource, id: string, inputs: Props, old: Props): Promise<Props>;
  /** The object as it is now, or `undefined` when it is gone. `inputs` are what it was made from; none on import. */
  read(
    resource: Resource,
    id: string,
    outputs: Props,
    inputs: Props,
  ): Promise<{ readonly outputs: Props; readonly inputs: Props } | undefined>;
  /** Returns when the object is gone; an object that is gone already is no error. */
  delete(resource: Resource, id: string, outputs: Props, timeoutSeconds: number): Promise<void>;
  invoke(token: string, args: Props): Promise<Props>;
}

/**
 * Keeps, in one JSON file, the resources that the emulator does not have. It checks what AWS would refuse in their
 * form; it gives nobody credentials, so what they do at run time is not tested with it.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Props } from "../provider/values.ts";

type Content = Record<string, Record<string, Props>>;

export interface Store {
  readonly list: (kind: string) => readonly (readonly [id: string, value: Props])[];
  readonly get: (kind: string, id: string) => Props | undefined;
  readonly put: (kind: string, id: string, value: Props) => void;
  readonly remove: (kind: string, id: string) => void;
}

export function openStore(): Store {
  const folder = process.env.PORTREEVE_STAND_IN_STORE;
  const file = () => {
    if (!folder)
      throw new Error("PORTREEVE_STAND_IN_STORE names no folder for what the AWS emulator cannot keep");
    return join(folder, "aws.json");
  };
  const read = (): Content =>
    existsSync(file()) ? (JSON.parse(readFileSync(file(), "utf8")) as Content) : {};
  // Read, change, write: without a pause in between, so that handlers of one provider cannot mix.
  const change = (by: (content: Content) => void) => {
    const content = read();
    by(content);
    mkdirSync(folder ?? "", { recursive: true });
    writeFileSync(`${file()}.new`, JSON.stringify(content, undefined, 2));
    renameSync(`${file()}.new`, file());
  };
  return {
    list: (kind) => Object.entries(read()[kind] ?? {}),
    get: (kind, id) => read()[kind]?.[id],
    put: (kind, id, value) =>
      change((content) => {
        content[kind] = { ...content[kind], [id]: value };
      }),
    remove: (kind, id) =>
      change((content) => {
        delete content[kind]?.[id];
      }),
  };
}

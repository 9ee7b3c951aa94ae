export { importObjects } from "./import.ts";
export type {
  Difference,
  ImportedDocument,
  ImportOptions,
  ImportResult,
  ImportSource,
  NoEqual,
  OpenAs,
} from "./types.ts";

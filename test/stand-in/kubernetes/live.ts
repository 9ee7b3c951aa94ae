/** Between an object as the API server has it and the inputs of a program. */
import { isProps, type Props, type Value } from "../provider/values.ts";

const SERVER_OWNED = [
  "creationTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
];

/** The outputs of a live object: everything but the bookkeeping of field managers. */
export function outputsOf(object: Props): Props {
  const metadata = isProps(object.metadata) ? omit(object.metadata, ["managedFields"]) : {};
  return { ...object, metadata };
}

/** The inputs that would make a live object: what a user could have written. For an import. */
export function inputsOf(object: Props): Props {
  const metadata = isProps(object.metadata) ? omit(object.metadata, SERVER_OWNED) : {};
  return { ...omit(object, ["status"]), metadata };
}

/**
 * The inputs as the server has them now: each value that was given, in its live state. What the server added of its
 * own is left out, or every default would look like a change.
 */
export function refreshed(inputs: Props, live: Props): Props {
  const kept = Object.entries(inputs).flatMap(([key, value]): [string, Value][] => {
    // Write-only: the server turns it into `data` and never shows it again.
    if (key === "stringData") return [[key, value]];
    const now = live[key];
    return now === undefined ? [] : [[key, overlay(value, now)]];
  });
  return Object.fromEntries(kept);
}

function overlay(given: Value, now: Value): Value {
  if (isProps(given) && isProps(now)) return refreshed(given, now);
  if (Array.isArray(given) && Array.isArray(now) && given.length === now.length) {
    return given.map((value, i) => overlay(value, now[i]));
  }
  return now;
}

function omit(props: Props, keys: readonly string[]): Props {
  return Object.fromEntries(Object.entries(props).filter(([key]) => !keys.includes(key)));
}

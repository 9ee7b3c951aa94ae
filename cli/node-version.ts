/**
 * Stops where Node is too old. Imported before anything else: what this package calls is missing there, and its user would be
 * told of a defect (`Map.groupBy is not a function`) that is none. npm only warns of `engines`.
 */
import { oldNode } from "./old-node.ts";

const problem = oldNode(process.versions);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(2);
}

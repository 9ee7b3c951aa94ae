import { readFileSync } from "node:fs";

/** What Linux counts in: getconf CLK_TCK is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Milliseconds of CPU that the commands of this process have taken so far, those that have ended. CPU time, because other
 * work on the machine makes wall time say more of that work than of the tools.
 *
 * @throws where there is no /proc: the comparison is measured on Linux
 */
export function childCpu(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  // The second field is a name in parentheses, which may hold spaces; cutime and cstime are fields 16 and 17.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [Number(fields[13]), Number(fields[14])];
  return ((user + system) * 1000) / TICKS_PER_SECOND;
}

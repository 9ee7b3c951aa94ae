/**
 * Run beside a test process, which holds the other end of stdin. Each line is the whole list of what is to be cleared
 * away. When stdin ends (the test process has ended, however: Ctrl-C, SIGKILL, a crash) it clears what is left.
 */
import { createInterface } from "node:readline";
import { clear, forget, type Leftovers, record } from "./leftovers.ts";

let left: Leftovers = { owners: [], processes: [], folders: [], undo: [] };

createInterface({ input: process.stdin })
  .on("line", (line) => {
    left = JSON.parse(line) as Leftovers;
    record(process.pid, left);
  })
  .on("close", async () => {
    await clear(left);
    forget(process.pid);
  });

import { type ProxyView, readProxies } from "../live/proxies.ts";
import { Tail, type Tailed } from "../live/tail.ts";

/** A proxy spends this share of its time on telling, at most: to list 10,000 connections takes it some milliseconds. */
const MOST_SHARE = 0.1;

export interface Sources {
  readonly command: string;
  readonly admins: readonly string[];
  readonly logs: readonly string[];
  /** Between two looks. */
  readonly everyMs: number;
}

/** What one look found. */
export interface Look {
  readonly proxies: readonly ProxyView[];
  readonly tailed: Tailed;
}

/** Looks again and again until the signal, and tells what there is; the next look waits until this one was taken in. */
export async function poll(
  { command, admins, logs, everyMs }: Sources,
  signal: AbortSignal,
  take: (look: Look) => void,
): Promise<void> {
  const tail = new Tail(logs);
  try {
    while (!signal.aborted) {
      const proxies = await readProxies(command, admins);
      if (signal.aborted) return;
      take({ proxies, tailed: tail.read() });
      const took = Math.max(0, ...proxies.map(({ tookMs }) => tookMs));
      await pause(Math.max(everyMs, took / MOST_SHARE), signal);
    }
  } finally {
    tail.close();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(end, ms);
  function end(): void {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  }
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  return promise;
}

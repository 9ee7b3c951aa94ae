/** Chromium without a window, spoken to over its debugging protocol: what the test needs of it, and no more. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../cluster/until.ts";
import { part } from "../toolchain/parts.ts";

export interface Page {
  /** The value of an expression in the page. */
  readonly value: (expression: string) => Promise<unknown>;
  /** Presses and releases a key, as a person does: the page sees a trusted event. */
  readonly press: (key: string) => Promise<void>;
  /** A command of the debugging protocol, for what the above cannot; its result. */
  readonly send: (method: string, params?: object) => Promise<Readonly<Record<string, unknown>>>;
  /** What the page logged, script errors and refusals of its policy included. */
  readonly complaints: readonly string[];
}

export interface Browser {
  readonly open: (url: string) => Promise<Page>;
  readonly close: () => Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly entry?: { readonly text?: string }; readonly exceptionDetails?: unknown };
  readonly result?: Readonly<Record<string, unknown>> & { readonly result?: { readonly value?: unknown } };
}

export async function startBrowser(): Promise<Browser> {
  const { path } = await part("chromium");
  const profile = mkdtempSync(join(tmpdir(), "portreeve-chromium-"));
  // Without its sandbox, because as root it has none; it opens pages of this repository alone.
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"];
  const child = spawn(path, [...flags, `--user-data-dir=${profile}`, "about:blank"], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const port = await until("Chromium to listen", 60, () => {
    const [line = ""] = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n");
    return line === "" ? undefined : line;
  });
  const sockets: WebSocket[] = [];
  return {
    open: async (url) => {
      const made = await fetch(`http://127.0.0.1:${port}/json/new?${encodeURIComponent(url)}`, {
        method: "PUT",
      });
      const { webSocketDebuggerUrl }: { webSocketDebuggerUrl: string } = JSON.parse(await made.text());
      const socket = new WebSocket(webSocketDebuggerUrl);
      sockets.push(socket);
      await new Promise((resolve, reject) => {
        socket.addEventListener("open", resolve);
        socket.addEventListener("error", reject);
      });
      return pageOf(socket);
    },
    close: async () => {
      for (const socket of sockets) socket.close();
      child.kill();
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function pageOf(socket: WebSocket): Promise<Page> {
  const waiting = new Map<number, (message: Message) => void>();
  const complaints: string[] = [];
  let last = 0;
  socket.addEventListener("message", ({ data }) => {
    const message: Message = JSON.parse(String(data));
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    if (message.method === "Log.entryAdded") complaints.push(message.params?.entry?.text ?? "");
    if (message.method === "Runtime.exceptionThrown")
      complaints.push(JSON.stringify(message.params?.exceptionDetails));
  });
  const ask = (method: string, params: object = {}): Promise<Message> =>
    new Promise((resolve) => {
      const id = ++last;
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  // What happened before is told too.
  for (const domain of ["Log", "Runtime"]) await ask(`${domain}.enable`);
  const value = async (expression: string): Promise<unknown> => {
    const { result } = await ask("Runtime.evaluate", { expression, returnByValue: true });
    return result?.result?.value;
  };
  await until("the page", 30, async () => (await value("document.readyState")) === "complete");
  return {
    value,
    complaints,
    send: async (method, params) => (await ask(method, params)).result ?? {},
    press: async (key) => {
      const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
      await ask("Input.dispatchKeyEvent", {
        type: text ? "keyDown" : "rawKeyDown",
        key,
        ...(text && { text }),
      });
      await ask("Input.dispatchKeyEvent", { type: "keyUp", key });
    },
  };
}

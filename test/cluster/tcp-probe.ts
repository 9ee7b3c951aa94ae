/** `serve PORT`: answers `pong` and the first bytes it gets. `call HOST PORT`: connects, sends, prints what came of it. */
import { connect, createServer } from "node:net";

const PATIENCE_MS = 5000;

/** Long enough for Envoy's TLS inspector to see that it is no TLS: with fewer bytes it waits for more. */
const HELLO = "ping-ping-ping";

const [mode, ...args] = process.argv.slice(2);
if (mode === "serve") serve(Number(args[0]));
else call(args[0] ?? "", Number(args[1]));

function serve(port: number): void {
  createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (data) => socket.end(`pong ${data}`));
  }).listen(port, "0.0.0.0", () => console.log("listening"));
}

function call(host: string, port: number): void {
  const done = (answer: unknown) => {
    console.log(JSON.stringify(answer));
    process.exit(0);
  };
  const nothing = (how: string) => done({ outcome: "no reply", how });
  const socket = connect(port, host, () => socket.write(HELLO));
  socket.setTimeout(PATIENCE_MS, () => nothing("silence"));
  socket.once("data", (data) => done({ outcome: "reply", text: String(data) }));
  socket.once("error", (error: NodeJS.ErrnoException) => nothing(error.code ?? error.message));
  socket.once("end", () => nothing("closed"));
}

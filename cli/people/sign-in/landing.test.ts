import { connect } from "node:net";
import { expect, test } from "vitest";
import { openLanding } from "./landing.ts";

/** A request with this target, to the byte; the first line of the answer. */
function ask(port: number, target: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.end(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    );
    let answer = "";
    socket.on("data", (data) => {
      answer += String(data);
    });
    socket.once("error", failed);
    socket.once("close", () => done(answer.split("\r\n", 1)[0] ?? ""));
  });
}

test("requests of others on this machine, malformed ones too, do not end the wait for the browser", async () => {
  const landing = await openLanding("right");
  try {
    const port = Number(new URL(landing.redirectUri).port);
    expect(await ask(port, "//")).toContain(" 404 ");
    expect(await ask(port, "//[")).toContain(" 404 ");
    expect(await ask(port, "/callback?state=wrong&code=stolen")).toContain(" 400 ");
    expect(await ask(port, "/callback?state=right&code=good")).toContain(" 200 ");
    expect((await landing.arrival).searchParams.get("code")).toBe("good");
  } finally {
    landing.close();
  }
});

import { describe, expect, it } from "vitest";
import type { Live, ProxyView } from "../live/proxies.ts";
import { type Seen, seenIn } from "../live/records.ts";
import { cell, layOut, widthOf } from "./cells.ts";
import { changes, eventLine, remembered } from "./events.ts";
import { frameOf } from "./frame.ts";
import { keysIn, press } from "./keys.ts";
import { Screen } from "./screen.ts";
import { beginning, liveShown, type WatchState, withProxies, withRecords } from "./state.ts";
import { ageText, bytesText } from "./words.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const live = (n: number, more: Partial<Live> = {}): Live => ({
  id: `x-${n}`,
  admin: "/a.sock",
  since: NOW - n * 1000,
  phase: "relay",
  who: `shop/app-${n}`,
  source: `10.0.0.1:${n}`,
  service: `db-${n % 7}:5432`,
  upstream: "10.1.0.1:5432",
  rule: "apps",
  bytesSent: n * 1000,
  bytesReceived: n,
  ...more,
});
const view = (connections: readonly Live[], problem?: string): ProxyView => ({
  admin: "/a.sock",
  policy: problem === undefined ? { digest: "sha256-abcdef" } : undefined,
  connections,
  problem,
  tookMs: 1,
});
const seen = (more: Readonly<Record<string, unknown>> = {}): Seen => {
  const record = {
    time: "2026-11-21T11:59:58.000Z",
    event: "close",
    connection: "c-1",
    "src.addr": "10.0.0.9:40000",
    "src.identity": "spiffe://test.org/ns/shop/sa/web",
    "dst.service": "orders-db",
    "dst.port": 5432,
    verdict: "deny",
    reason: "no-grant-for-workload",
    close: "denied",
    ...more,
  };
  const found = seenIn(JSON.stringify(record));
  if (!found) throw new Error("this is no record");
  return found;
};
const watching = (connections: readonly Live[]): WatchState =>
  withRecords(withProxies(beginning(true, true), [view(connections)]), [seen()], []);

describe("a frame", () => {
  it.each([20, 40, 60, 80, 100, 132, 200])(
    "is never wider than %i columns, nor longer than the rows",
    (columns) => {
      for (const rows of [1, 3, 8, 24, 60]) {
        const state = watching([
          live(1, { who: "日本語の名前".repeat(9) }),
          live(2, { who: "👩‍👩‍👧 ann".repeat(20) }),
        ]);
        const lines = frameOf(state, { columns, rows }, NOW, false);
        expect(lines).toHaveLength(rows);
        // Below that, the least widths of what cannot be left out are cut by the terminal, which does not break lines.
        if (columns >= 40) for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
      }
    },
  );

  it("says who holds what, and what was refused", () => {
    const text = frameOf(watching([live(61)]), { columns: 120, rows: 24 }, NOW, false).join("\n");
    expect(text).toContain("Live connections: 1");
    expect(text).toMatch(/1m01s shop\/app-61 +db-5:5432 +relay +apps +59\.6K +61B 10\.0\.0\.1:61/);
    expect(text).toMatch(/11:59:58 deny +shop\/web +orders-db:5432 +no-grant-for-workload +denied/);
    expect(text).not.toContain("\u001b");
  });

  it("tells a proxy that does not answer in the place of its connections", () => {
    const down = withProxies(beginning(true, false), [view([], "watch: the proxy at /a.sock: ECONNREFUSED")]);
    const text = frameOf(down, { columns: 100, rows: 10 }, NOW, false).join("\n");
    expect(text).toContain("0 of 1 proxies answer");
    expect(text).toContain("ECONNREFUSED");
  });

  it("lets no client move the cursor by what it calls itself", () => {
    const hostile = withRecords(
      watching([
        live(1, { who: "okta:\u001b[2J\u001b[Hann" }),
        live(2, { phase: "\u001b]0;", source: "\u001b[31m" }),
      ]),
      [seen({ "src.user": "okta:\u009b2Jann\r\n" })],
      [],
    );
    const text = frameOf(hostile, { columns: 200, rows: 24 }, NOW, false).join("");
    expect(text).toContain("\\u001b[2J");
    expect(text).not.toMatch(/\p{Control}/u);
  });

  it("of 10,000 connections is drawn in a few milliseconds, filtered too", () => {
    const state = watching(Array.from({ length: 10_000 }, (_, n) => live(n)));
    const begun = performance.now();
    for (let count = 0; count < 10; count++) {
      frameOf({ ...state, filter: "app-99 relay", scroll: count }, { columns: 120, rows: 50 }, NOW, true);
    }
    // A loaded machine is slow; one that draws all 10,000 lines would take far longer still.
    expect((performance.now() - begun) / 10).toBeLessThan(250);
    expect(liveShown({ ...state, filter: "APP-9999" }).map(({ id }) => id)).toEqual(["x-9999"]);
  });
});

describe("the screen", () => {
  it("writes what has changed and nothing else, and gives the terminal back", () => {
    const written: string[] = [];
    const screen = new Screen({ write: (text) => written.push(text) });
    screen.paint(["one", "two", "three"]);
    screen.paint(["one", "TWO", "three"]);
    screen.paint(["one", "TWO", "three"]);
    screen.close();
    expect(written).toHaveLength(4);
    expect(written[2]).toBe("\u001b[?2026h\u001b[2;1H\u001b[2KTWO\u001b[?2026l");
    expect(written[3]).toBe("\u001b[?7h\u001b[?25h\u001b[?1049l");
  });
});

describe("keys", () => {
  it("are told apart, those that come together and unknown ones too", () => {
    expect(keysIn("q\u001b[A\u001b[6~\u001b[15~/ä\u001b")).toEqual([
      "q",
      "up",
      "page-down",
      "unknown",
      "/",
      "ä",
      "escape",
    ]);
  });

  it("filter, pause, scroll and end", () => {
    let state: WatchState | undefined = watching(Array.from({ length: 50 }, (_, n) => live(n)));
    for (const key of ["/", "a", "q", "backspace", "p", "enter", "p"]) state = state && press(state, key, 10);
    expect(state).toMatchObject({ filter: "ap", typing: undefined, paused: true });
    for (const key of ["escape", "page-down", "down", "up", "up"]) state = state && press(state, key, 10);
    expect(state).toMatchObject({ filter: "", scroll: 9 });
    expect(state && press(state, "q", 10)).toBeUndefined();
    expect(state && press({ ...state, typing: "" }, "ctrl-c", 10)).toBeUndefined();
  });
});

describe("lines", () => {
  it("tell what came and went, and do not take a silent proxy for one without connections", () => {
    const first = [view([live(1), live(2)])];
    expect(changes([], first).map(({ event }) => event)).toEqual(["answers", "opened", "opened"]);
    const silent = [view([], "down")];
    expect(changes(first, silent)).toEqual([{ event: "problem", text: "down" }]);
    const kept = remembered(first, silent);
    expect(changes(kept, silent)).toEqual([]);
    expect(changes(kept, [view([live(2), live(3)])]).map(({ event }) => event)).toEqual([
      "answers",
      "closed",
      "opened",
    ]);
  });

  it("have one line for each event", () => {
    const line = eventLine({ event: "record", record: seen({ "src.user": "okta:a\nb" }) }, NOW);
    expect(line).toBe(
      "2026-11-21T11:59:58.000Z deny   okta:a\\u000ab via shop/web -> orders-db:5432 no-grant-for-workload denied 10.0.0.9:40000 c-1",
    );
  });
});

it("texts are cut and padded by the columns that they take", () => {
  expect(cell("日本語", 5)).toBe("日本…");
  expect(cell("日本語", 4)).toBe("日… ");
  expect(cell("ab", 4, "right")).toBe("  ab");
  expect(widthOf("e\u0301")).toBe(1);
});

it("columns that can be spared go first, and the rest of the room is shared", () => {
  const columns = [
    { title: "A", width: [5, 20] as const },
    { title: "B", width: [5, 10] as const, spare: 1 },
    { title: "C", width: [5, 5] as const, spare: 2 },
  ];
  expect(layOut(columns, 12)).toEqual([6, 5, undefined]);
  expect(layOut(columns, 100)).toEqual([20, 10, 5]);
  expect(layOut(columns, 5)).toEqual([5, undefined, undefined]);
});

it("bytes and ages fit their columns", () => {
  expect([0, 999, 1023, 4301, 123456789, 2 ** 40].map(bytesText)).toEqual([
    "0B",
    "999B",
    "1.0K",
    "4.2K",
    "118M",
    "1.0T",
  ]);
  expect([0, 59e3, 725e3, 11_220e3, 792_000e3].map(ageText)).toEqual([
    "0s",
    "59s",
    "12m05s",
    "3h07m",
    "9d04h",
  ]);
});

import type { WatchState } from "./state.ts";

/** The names of keys in what a terminal sends; a sequence that is not known is passed over whole. */
export function keysIn(input: string): string[] {
  const keys: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is how a terminal sends keys
  for (const [text] of input.matchAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])|./gsu)) {
    keys.push(NAMES[text] ?? (text.startsWith("\u001b[") || text.startsWith("\u001bO") ? "unknown" : text));
  }
  return keys;
}

const NAMES: Readonly<Record<string, string>> = {
  "\u0003": "ctrl-c",
  "\u001b": "escape",
  "\r": "enter",
  "\n": "enter",
  "\u007f": "backspace",
  "\b": "backspace",
  "\u001b[A": "up",
  "\u001b[B": "down",
  "\u001bOA": "up",
  "\u001bOB": "down",
  "\u001b[5~": "page-up",
  "\u001b[6~": "page-down",
  "\u001b[H": "home",
  "\u001b[F": "end",
};

const LONGEST_FILTER = 200;

/** The state after a key; undefined when it ends the program. */
export function press(state: WatchState, key: string, page: number): WatchState | undefined {
  if (key === "ctrl-c") return undefined;
  if (state.typing !== undefined) return typed(state, state.typing, key);
  const scrolled = (lines: number): WatchState => ({
    ...state,
    scroll: Math.min(Math.max(0, state.scroll + lines), Math.max(0, state.live.length - 1)),
  });
  switch (key) {
    case "q":
      return undefined;
    case "p":
    case " ":
      return { ...state, paused: !state.paused };
    case "/":
      return { ...state, typing: state.filter };
    case "escape":
      return { ...state, filter: "", scroll: 0 };
    case "up":
    case "k":
      return scrolled(-1);
    case "down":
    case "j":
      return scrolled(1);
    case "page-up":
      return scrolled(-page);
    case "page-down":
      return scrolled(page);
    case "home":
      return { ...state, scroll: 0 };
    case "end":
      return scrolled(state.live.length);
    default:
      return state;
  }
}

function typed(state: WatchState, typing: string, key: string): WatchState {
  switch (key) {
    case "enter":
      return { ...state, filter: typing.trim(), typing: undefined, scroll: 0 };
    case "escape":
      return { ...state, typing: undefined };
    case "backspace":
      return { ...state, typing: [...typing].slice(0, -1).join("") };
    default:
      if ([...key].length !== 1 || /\p{Control}/u.test(key) || typing.length >= LONGEST_FILTER) return state;
      return { ...state, typing: typing + key };
  }
}

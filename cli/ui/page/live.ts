/** What the page does beside its graph: tabs, and two tables that are asked for again and again. */
import type { LiveAnswer, TableAnswer } from "../answer.ts";

const EVERY_MS = 2_000;
const TABS = ["access", "live", "refused"] as const;
type Tab = (typeof TABS)[number];

const element = (id: string): HTMLElement | null => document.getElementById(id);
const say = (id: string, text: string): void => {
  const found = element(id);
  if (found && found.textContent !== text) found.textContent = text;
};

// The link works once; what stands in the address bar should work again.
history.replaceState(null, "", `/${location.hash}`);

/** Names that the graph has: they lead there. */
const inGraph = new Set<string>(
  (JSON.parse(element("data")?.textContent ?? `{"nodes":[]}`) as { nodes: { label: string }[] }).nodes.map(
    ({ label }) => label,
  ),
);

let shownTab: Tab = "access";
function showTab(tab: Tab): void {
  shownTab = tab;
  for (const name of TABS) {
    const section = element(name);
    if (section) section.hidden = name !== tab;
    const button = element(`tab-${name}`);
    button?.setAttribute("aria-selected", String(name === tab));
    button?.setAttribute("tabindex", name === tab ? "0" : "-1");
  }
}

for (const [index, name] of TABS.entries()) {
  const button = element(`tab-${name}`);
  button?.addEventListener("click", () => showTab(name));
  button?.addEventListener("keydown", ({ key }) => {
    const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
    const next = TABS[(index + step + TABS.length) % TABS.length];
    if (step === 0 || next === undefined) return;
    showTab(next);
    element(`tab-${next}`)?.focus();
  });
}
// The graph takes keys wherever they are pressed; while it is not to be seen, or somebody is at the tabs, they are not its
// own. This script stands before the graph's, so that it hears of a key first.
document.addEventListener("keydown", (event) => {
  const atTabs = event.target instanceof Element && event.target.closest("nav") !== null;
  if (shownTab !== "access" || atTabs) event.stopImmediatePropagation();
});
showTab(TABS.find((tab) => tab === document.body.dataset["first"]) ?? "access");

/** Explanations that were asked for, by the row that they are of. */
const explanations = new Map<string, string>();

function rowOf(table: "live" | "refused", id: string): HTMLTableRowElement {
  const row = document.createElement("tr");
  row.dataset["id"] = id;
  if (table === "refused") {
    const cell = document.createElement("td");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Why?";
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => void toggle(row, id, button));
    cell.append(button);
    row.append(cell);
  }
  return row;
}

async function toggle(row: HTMLTableRowElement, id: string, button: HTMLButtonElement): Promise<void> {
  const isOpen = explanations.has(id);
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) {
    explanations.delete(id);
    if (row.nextElementSibling?.classList.contains("why")) row.nextElementSibling.remove();
    return;
  }
  const text = document.createElement("pre");
  text.textContent = "…";
  const cell = document.createElement("td");
  cell.colSpan = row.cells.length;
  cell.append(text);
  const below = document.createElement("tr");
  below.className = "why";
  below.append(cell);
  row.after(below);
  explanations.set(id, "");
  const answer = (await ask(`explain.json?id=${encodeURIComponent(id)}`)) as { text: string } | undefined;
  text.textContent = answer?.text ?? "portreeve ui does not answer.";
}

function fill(table: "live" | "refused", { rows }: TableAnswer): void {
  const body = element(`${table}-table`)?.querySelector("tbody");
  if (!body) return;
  const known = new Map<string, HTMLTableRowElement>();
  for (const row of body.rows) if (row.dataset["id"] !== undefined) known.set(row.dataset["id"], row);
  const wanted = new Set(rows.map(({ id }) => id));
  for (const [id, row] of known) {
    if (wanted.has(id)) continue;
    if (row.nextElementSibling?.classList.contains("why")) row.nextElementSibling.remove();
    explanations.delete(id);
    row.remove();
  }
  // Rows stay where they are unless they must move: whoever is at one with the keyboard stays there.
  let at: Element | null = body.firstElementChild;
  for (const { id, cells } of rows) {
    const row = known.get(id) ?? rowOf(table, id);
    if (row === at) at = row.nextElementSibling;
    else {
      const below = row.nextElementSibling;
      body.insertBefore(row, at);
      if (below?.classList.contains("why")) row.after(below);
    }
    if (at?.classList.contains("why")) at = at.nextElementSibling;
    for (const [index, text] of cells.entries()) put(row, index, text, table === "refused" ? 1 : 0);
  }
}

/** A cell's text; the first two are names, which lead to the graph where that has them. */
function put(row: HTMLTableRowElement, index: number, text: string, after: number): void {
  while (row.cells.length - after <= index) row.insertCell(row.cells.length - after);
  const cell = row.cells[index];
  if (!cell || cell.textContent === text) return;
  const name = index === 1 ? text.replace(/:\d+$/, "") : text;
  if (index > 1 || !inGraph.has(name)) {
    cell.textContent = text;
    return;
  }
  const link = document.createElement("a");
  link.href = `#${encodeURIComponent(name)}`;
  link.textContent = text;
  // The same name may stand in the address already, and then nothing would happen.
  link.addEventListener("click", () => {
    showTab("access");
    if (location.hash === link.getAttribute("href")) window.dispatchEvent(new HashChangeEvent("hashchange"));
  });
  cell.replaceChildren(link);
}

function tell(
  table: "live" | "refused",
  { total, matching, rows, problems }: TableAnswer,
  nothing: string,
): void {
  say(`${table}-count`, total === 0 && problems.length > 0 ? "?" : String(total));
  const more = rows.length < matching ? `, the first ${rows.length} shown` : "";
  say(`${table}-said`, `${matching === total ? total : `${matching} of ${total}`}${more}`);
  const empty = element(`${table}-empty`);
  if (empty) empty.hidden = rows.length > 0;
  say(
    `${table}-empty`,
    total > 0 ? "Nothing matches the filter." : problems.length > 0 ? "Nothing is known now." : nothing,
  );
}

const filterOf = (table: "live" | "refused"): string => {
  const input = element(`${table}-filter`);
  return input instanceof HTMLInputElement ? encodeURIComponent(input.value.trim()) : "";
};

/** Undefined when there is no answer. */
async function ask(path: string): Promise<unknown> {
  try {
    const response = await fetch(path, { cache: "no-store" });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}

/** Which policies the proxies have, and whether they are those of the graph. */
function inForce(digests: readonly string[]): string {
  if (digests.length === 0) return "";
  const own = document.body.dataset["digest"] ?? "";
  const isOther = own !== "" && digests.some((digest) => digest !== own);
  return `in force: ${digests.join(", ")}${isOther ? " (not what these policies say)" : ""}`;
}

async function refresh(): Promise<void> {
  const problems: string[] = [];
  let isThere = true;
  if (element("live-table")) {
    const answer = (await ask(`live.json?filter=${filterOf("live")}`)) as LiveAnswer | undefined;
    if (answer) {
      fill("live", answer);
      tell("live", answer, "No connection is live.");
      problems.push(...answer.problems);
      const digests = [
        ...new Set(answer.proxies.map(({ digest }) => digest).filter((digest) => digest !== "")),
      ];
      say("proxies", inForce(digests));
    } else isThere = false;
  }
  if (element("refused-table")) {
    const answer = (await ask(`refused.json?filter=${filterOf("refused")}`)) as TableAnswer | undefined;
    if (answer) {
      fill("refused", answer);
      tell("refused", answer, "Nothing was refused.");
      problems.push(...answer.problems);
    } else isThere = false;
  }
  document.body.classList.toggle("stale", !isThere);
  if (!isThere)
    problems.unshift("portreeve ui does not answer: what is shown is not of now. Start it again.");
  const box = element("problems");
  const text = problems.join("\n");
  if (box && box.dataset["text"] !== text) {
    box.dataset["text"] = text;
    box.replaceChildren(
      ...problems.map((problem) => {
        const line = document.createElement("div");
        line.textContent = problem;
        return line;
      }),
    );
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;
let asking = false;
let again = false;
/** One look at a time; none while nobody sees the page. */
async function loop(): Promise<void> {
  clearTimeout(timer);
  again = asking;
  if (asking) return;
  asking = true;
  if (!document.hidden) await refresh();
  asking = false;
  // A filter that was typed meanwhile is asked at once.
  timer = setTimeout(() => void loop(), again ? 0 : EVERY_MS);
}
document.addEventListener("visibilitychange", () => void loop());
for (const table of ["live", "refused"])
  element(`${table}-filter`)?.addEventListener("input", () => void loop());
void loop();

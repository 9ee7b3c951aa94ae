/** What the page does; it stands after view.ts, draw.ts and the layout library in one script. */
import type { Graph } from "../../../policy/graph/graph.ts";
import { collapseToFit, fits, viewOf } from "../../../policy/graph/view.ts";
import { draw, type Layouter } from "../draw.ts";

declare const dagre: Layouter;

const byId = <T extends Element>(id: string, type: new () => T): T => {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
};

const graph: Graph = JSON.parse(byId("data", HTMLScriptElement).textContent ?? "");
const stage = byId("stage", SVGSVGElement);
const drawing = byId("drawing", SVGGElement);
const search = byId("search", HTMLInputElement);
const hide = byId("hide", HTMLInputElement);
const status = byId("status", HTMLElement);
const groups = byId("groups", HTMLElement);
const details = byId("details", HTMLElement);

let focus: string | undefined;
let collapsed = new Set(collapseToFit(graph, hide.checked));
let size = { width: stage.viewBox.baseVal.width, height: stage.viewBox.baseVal.height };
let box = { x: 0, y: 0, ...size };

/** Draws what is asked for; undefined when it would be too much. */
function show(): void {
  const view = viewOf(graph, { collapsed, hideUnchanged: hide.checked, focus });
  if (!fits(view)) {
    status.textContent = `${view.nodes.length} names and ${view.edges.length} connections are too many to draw: collapse groups, or search for a name.`;
    return;
  }
  const { width, height, content } = draw(view, dagre);
  drawing.innerHTML = content;
  size = { width, height };
  fitWhole();
  const of =
    focus === undefined ? "" : ` around ${focus.replace(/^(who|to|service|group) /, "")} (Esc shows all)`;
  status.textContent = `${many(view.nodes.length, "name")}, ${many(view.edges.length, "connection")}${of}; ${graph.nodes.length} and ${graph.edges.length} in all.`;
  for (const input of groups.querySelectorAll("input")) input.checked = !collapsed.has(input.value);
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The whole, but never so small that names cannot be read: then the top left corner. */
function fitWhole(): void {
  const { width, height } = stage.getBoundingClientRect();
  const scale = Math.max(1, Math.min(Math.max(size.width / width, size.height / height), 1.3));
  box = { x: 0, y: 0, width: width * scale, height: height * scale };
  if (size.width < box.width) box.x = (size.width - box.width) / 2;
  look();
}

function look(): void {
  stage.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
}

function zoom(factor: number, at = { x: 0.5, y: 0.5 }): void {
  const width = Math.min(Math.max(box.width * factor, 80), Math.max(size.width, size.height) * 6);
  const height = (box.height * width) / box.width;
  box = { x: box.x + (box.width - width) * at.x, y: box.y + (box.height - height) * at.y, width, height };
  look();
}

function pan(x: number, y: number): void {
  box = { ...box, x: box.x + x * box.width, y: box.y + y * box.height };
  look();
}

/** Everything about one name, below the drawing. */
function tell(id: string): void {
  const names = new Map(graph.nodes.map((node) => [node.id, node.label]));
  const name = names.get(id);
  const own = graph.edges.filter(({ from, to }) => names.get(from) === name || names.get(to) === name);
  const lines = own.slice(0, 200).map(({ from, to, state, label, details: more }) => {
    const item = document.createElement("li");
    const sign = { same: "", gained: "+ ", lost: "− ", changed: "~ " }[state];
    item.className = state;
    item.textContent = `${sign}${names.get(from)} → ${names.get(to)} ${label}${more.length > 0 ? `: ${more.join("; ")}` : ""}`;
    return item;
  });
  const list = document.createElement("ul");
  list.append(...lines);
  const heading = document.createElement("h2");
  heading.textContent = `${name ?? id}: ${many(own.length, "connection")}`;
  details.replaceChildren(heading, list);
}

function choose(id: string): void {
  if (id.startsWith("group ")) collapsed.delete(id.slice("group ".length));
  else {
    focus = id;
    const group = graph.nodes.find((node) => node.id === id)?.group;
    collapsed = new Set(collapseAround(group, id));
    tell(id);
  }
  show();
  for (const node of drawing.querySelectorAll("[data-id]")) {
    if (node instanceof SVGElement && node.dataset["id"] === id) node.focus();
  }
}

/** All groups open, as only the neighbours are shown; when those are too many, all but the node's own closed. */
function collapseAround(group: string | undefined, id: string): Iterable<string> {
  const open = viewOf(graph, { collapsed: new Set(), hideUnchanged: hide.checked, focus: id });
  return fits(open) ? [] : allGroups().filter((name) => name !== group);
}

function allGroups(): string[] {
  return [...new Set(graph.nodes.map(({ group }) => group))];
}

function reset(): void {
  focus = undefined;
  search.value = "";
  collapsed = new Set(collapseToFit(graph, hide.checked));
  details.replaceChildren();
  show();
}

const idOf = (target: EventTarget | null): string | undefined => {
  const node = target instanceof Element ? target.closest("[data-id]") : null;
  return node instanceof SVGElement ? node.dataset["id"] : undefined;
};

for (const name of allGroups()) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.type = "checkbox";
  input.value = name;
  input.addEventListener("change", () => {
    if (input.checked) collapsed.delete(name);
    else collapsed.add(name);
    focus = undefined;
    show();
  });
  label.append(input, ` ${name}`);
  groups.append(label);
}
search.addEventListener("change", () => {
  const wanted = search.value.trim();
  if (wanted === "") return reset();
  const found =
    graph.nodes.find(({ label }) => label === wanted) ??
    graph.nodes.find(({ label }) => label.includes(wanted));
  if (found) choose(found.id);
  else status.textContent = `No name has "${wanted}" in it.`;
});
hide.addEventListener("change", reset);
for (const [id, act] of [
  ["zoom-in", () => zoom(0.8)],
  ["zoom-out", () => zoom(1.25)],
  ["all", reset],
  [
    "collapse",
    () => {
      collapsed = new Set(allGroups());
      focus = undefined;
      show();
    },
  ],
] as const)
  byId(id, HTMLButtonElement).addEventListener("click", act);

let grabbed: { x: number; y: number } | undefined;
let moved = false;
stage.addEventListener("pointerdown", ({ clientX: x, clientY: y }) => {
  grabbed = { x, y };
  moved = false;
});
window.addEventListener("pointermove", ({ clientX: x, clientY: y }) => {
  if (grabbed === undefined) return;
  const { width, height } = stage.getBoundingClientRect();
  if (Math.abs(x - grabbed.x) + Math.abs(y - grabbed.y) > 3) moved = true;
  if (!moved) return;
  pan((grabbed.x - x) / width, (grabbed.y - y) / height);
  grabbed = { x, y };
});
window.addEventListener("pointerup", () => {
  grabbed = undefined;
});
stage.addEventListener("click", ({ target }) => {
  const id = idOf(target);
  if (id !== undefined && !moved) choose(id);
});
stage.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    const { left, top, width, height } = stage.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.12 : 0.9, {
      x: (event.clientX - left) / width,
      y: (event.clientY - top) / height,
    });
  },
  { passive: false },
);
const KEYS: Readonly<Record<string, () => void>> = {
  Escape: reset,
  "+": () => zoom(0.8),
  "-": () => zoom(1.25),
  ArrowLeft: () => pan(-0.1, 0),
  ArrowRight: () => pan(0.1, 0),
  ArrowUp: () => pan(0, -0.1),
  ArrowDown: () => pan(0, 0.1),
  "/": () => search.focus(),
};
document.addEventListener("keydown", (event) => {
  const isTyping = event.target === search;
  const id = idOf(event.target);
  if ((event.key === "Enter" || event.key === " ") && id !== undefined) {
    event.preventDefault();
    choose(id);
  } else if (!event.ctrlKey && !event.metaKey && !event.altKey && (!isTyping || event.key === "Escape")) {
    const act = KEYS[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  }
});
/** A link to the page may name whom it is about: `access.html#shop/api`. */
function follow(): void {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const found = wanted === "" ? undefined : graph.nodes.find(({ label }) => label === wanted);
  if (found) choose(found.id);
  else show();
}
window.addEventListener("hashchange", follow);
follow();

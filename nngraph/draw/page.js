// The page: what pointer and keys do.

const graph = new Graph(JSON.parse($("data").textContent));
const canvas = $("canvas");
const view = new View(canvas, graph);
const panel = new Panel($("panel"), graph, choose, act);
new Search($("search"), $("found"), graph, choose);

$("title").textContent = graph.data.title;
$("subtitle").textContent = graph.data.subtitle;

/** Choose an item: open the groups around it, show it and its details. */
function choose(key) {
  const wide = canvas.clientWidth;
  view.chosen = key;
  if (key === null) {
    panel.clear();
    tell("");
  } else {
    const changed = graph.ancestors(key).map((group) => graph.open(group, true)).some(Boolean);
    if (changed) view.relay();
    panel.item(key);
    tell([graph.ids[key], graph.word("op", key), graph.word("type", key)].filter(Boolean).join(", "));
    if (changed || !onScreen(key)) view.center(key);
    canvas.focus({ preventScroll: true });
  }
  trail(key);
  if (canvas.clientWidth !== wide && key !== null && !onScreen(key)) view.center(key);
  view.refresh();
}

function onScreen(key) {
  const box = view.boxes.get(key), area = view.window();
  return box && view.scale > 0.35 && box.x > area.left && box.x + Math.min(box.width, 300) < area.right &&
    box.y > area.top && box.y + Math.min(box.height, 200) < area.bottom;
}

/** Open, close or turn a group, its upper left corner held where it is. */
function act(key, name) {
  const before = view.boxes.get(key);
  if (name === "turn") {
    graph.turn(key);
    graph.open(key, true);
  } else graph.open(key, name === "open");
  view.relay();
  const after = view.boxes.get(key);
  if (before && after) {
    view.left += after.x - before.x;
    view.top += after.y - before.y;
  }
  if (view.chosen !== null && graph.seen(view.chosen) !== view.chosen) choose(key);
  else if (view.chosen !== null) panel.item(view.chosen);
  tell(`${graph.ids[key]} ${graph.opened.has(key) ? "open" : "closed"}`);
}

function toggle(key) { if (graph.isGroup(key)) act(key, graph.opened.has(key) ? "close" : "open"); }

function all(wanted) {
  graph.openAll(wanted);
  if (view.chosen !== null) view.chosen = graph.seen(view.chosen);
  view.relay();
  view.fit();
  if (view.chosen !== null) panel.item(view.chosen);
  tell(`${view.scene.boxes.length} items shown`);
}

function tell(text) { $("status").textContent = text; }

/** The groups around an item, as ways to them. */
function trail(key) {
  const groups = key === null ? [] : [...graph.ancestors(key)].reverse();
  const parts = groups.flatMap((group) => [html("button", { class: "jump", type: "button",
    onclick: () => choose(group) }, graph.word("label", group)), " › "]);
  $("trail").replaceChildren(...parts, key === null ? "" : graph.word("label", key));
}

// Pointers: one drags, two pinch, and what is pressed and let go in one place is chosen.
const pointers = new Map();
let dragged = 0;

canvas.addEventListener("pointerdown", (event) => {
  if (!pointers.size) dragged = 0;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
});
addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) return;
  const [x, y] = pointers.get(event.pointerId), dx = event.clientX - x, dy = event.clientY - y;
  dragged += Math.abs(dx) + Math.abs(dy);
  if (dragged < 5) return;
  canvas.classList.add("dragging");
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (!others.length) view.move(dx, dy);
  else {
    const [ox, oy] = others[0], frame = canvas.getBoundingClientRect();
    const factor = Math.hypot(event.clientX - ox, event.clientY - oy) / Math.max(1, Math.hypot(x - ox, y - oy));
    view.zoom(factor, (ox + event.clientX) / 2 - frame.left, (oy + event.clientY) / 2 - frame.top);
  }
});
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    canvas.classList.remove("dragging");
  });
}
canvas.addEventListener("click", (event) => {
  if (dragged >= 5) return;
  const target = event.target.closest("[data-key], [data-line]");
  if (!target) choose(null);
  else if (target.dataset.line !== undefined) panel.line(view.scene.lines[target.dataset.line]);
  else if (target.dataset.act) act(Number(target.dataset.key), target.dataset.act);
  else choose(Number(target.dataset.key));
});
canvas.addEventListener("dblclick", (event) => {
  const target = event.target.closest("[data-key]");
  if (target && !target.dataset.act) toggle(Number(target.dataset.key));
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const frame = canvas.getBoundingClientRect(), lines = event.deltaMode ? 24 : 1;
  view.zoom(Math.exp(-event.deltaY * lines * 0.0016), event.clientX - frame.left, event.clientY - frame.top);
}, { passive: false });

/** The next item along an arrow (or against it), on the same level or across borders. */
function along(links) {
  const key = view.chosen;
  if (key === null) return view.scene.boxes[0]?.key ?? null;
  const line = view.scene.lines.find(({ ends }) => ends[links === graph.outgoing ? 0 : 1] === key &&
    ends[links === graph.outgoing ? 1 : 0] !== TOP);
  if (line) return line.ends[links === graph.outgoing ? 1 : 0];
  const link = links.get(key)?.find((each) => !graph.contains(each.key, key));
  return link ? graph.seen(link.key) : key;
}

function beside(step) {
  if (view.chosen === null) return view.scene.boxes[0]?.key ?? null;
  const { items } = graph.level(graph.parent(view.chosen));
  return items[(items.indexOf(view.chosen) + step + items.length) % items.length];
}

const KEYS = {
  ArrowDown: () => choose(along(graph.outgoing)),
  ArrowUp: () => choose(along(graph.incoming)),
  ArrowLeft: () => choose(beside(-1)),
  ArrowRight: () => choose(beside(1)),
  Enter: () => { if (view.chosen !== null) toggle(view.chosen); },
  " ": () => { if (view.chosen !== null) toggle(view.chosen); },
  Escape: () => {
    const around = view.chosen === null ? TOP : graph.parent(view.chosen);
    choose(around === TOP ? null : around);
  },
};
const ANYWHERE = {
  "/": () => $("search").focus(),
  0: () => view.fit(),
  "+": () => view.zoom(1.3),
  "=": () => view.zoom(1.3),
  "-": () => view.zoom(1 / 1.3),
  e: () => all(true),
  c: () => all(false),
  r: () => { if (view.chosen !== null && graph.level(view.chosen)?.ring !== undefined) act(view.chosen, "turn"); },
  "?": () => { $("keys").hidden = !$("keys").hidden; },
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  if (event.key === "Escape" && !$("keys").hidden) $("keys").hidden = true;
  else if (document.activeElement === canvas && KEYS[event.key]) KEYS[event.key]();
  else if (ANYWHERE[event.key]) ANYWHERE[event.key]();
  else return;
  event.preventDefault();
});

$("expand").addEventListener("click", () => all(true));
$("collapse").addEventListener("click", () => all(false));
$("fit").addEventListener("click", () => view.fit());
$("larger").addEventListener("click", () => view.zoom(1.3));
$("smaller").addEventListener("click", () => view.zoom(1 / 1.3));
$("help").addEventListener("click", ANYWHERE["?"]);
$("shut").addEventListener("click", ANYWHERE["?"]);
$("theme").addEventListener("click", turnTheme);
// In a frame the size may be known only later: until something is done, the picture goes by it.
let begun = false;
for (const name of ["pointerdown", "keydown", "wheel"]) addEventListener(name, () => { begun = true; }, true);
new ResizeObserver(() => {
  if (!begun) view.begin();
  view.refresh();
}).observe(canvas);

view.begin();
view.paint();
document.documentElement.dataset.ready = String(Math.round(performance.now()));

// The arena: calls to the right, offset upward; both axes zoom together, and keep what is under the pointer.

const data = JSON.parse($("data").textContent);
const LEFT = 76, BOTTOM = 34, TOP_SPACE = 14;
const canvas = $("canvas");
const [NAME, TYPE, BYTES, OFFSET, FIRST, LAST, KIND] = [0, 1, 2, 3, 4, 5, 6];
const calls = Math.max(1, data.live.length);
const view = { x: -1, y: 0, calls: calls + 1, bytes: Math.max(1, data.values) * 1.02 };
let chosen = null, found = null, pending = 0;

$("title").textContent = data.title;
$("subtitle").textContent = data.subtitle;
for (const [kind, title] of Object.entries(data.kinds)) {
  if (data.rows.some((row) => row[KIND] === kind)) {
    $("legend").append(html("span", { class: `kind-${kind}` }, html("i", { class: "swatch" }), title));
  }
}

function size(bytes) {
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (bytes >= unit) return `${(bytes / unit).toPrecision(3)} ${name}`;
  }
  return `${bytes} B`;
}

function plot() {
  return { width: canvas.clientWidth - LEFT - 10, height: canvas.clientHeight - BOTTOM - TOP_SPACE };
}

function toX(call) { return LEFT + (call - view.x) * plot().width / view.calls; }
function toY(offset) { return TOP_SPACE + plot().height - (offset - view.y) * plot().height / view.bytes; }

function show() {
  if (!pending) pending = requestAnimationFrame(() => { pending = 0; paint(); });
}

function paint() {
  const { width, height } = plot(), across = width / view.calls, up = height / view.bytes;
  const boxes = [];
  data.rows.forEach((row, k) => {
    const x = toX(Math.max(-1, row[FIRST])), right = toX(Math.min(row[LAST] + 1, calls));
    const y = toY(row[OFFSET] + row[BYTES]), bottom = toY(row[OFFSET]);
    if (right < LEFT || x > LEFT + width || bottom < 0 || y > height + TOP_SPACE) return;
    boxes.push(box(row, k, Math.max(x, LEFT - 2), y, Math.max(0.7, right - Math.max(x, LEFT - 2)), Math.max(0.6, bottom - y)));
  });
  const steps = data.live.map((live, k) => `V${toY(live).toFixed(1)}H${toX(k + 1).toFixed(1)}`).join("");
  const peak = toX(data.peakCall + 0.5);
  const clip = svg("clipPath", { id: "clip" }, svg("rect", { x: LEFT, y: 0, width, height: height + TOP_SPACE }));
  canvas.replaceChildren(svg("defs", {}, clip), ...axes(across, up, width, height),
    svg("g", { "clip-path": "url(#clip)" }, ...boxes,
      svg("path", { class: "live", d: `M${toX(0)} ${toY(0)}${steps}`, "pointer-events": "none" }),
      svg("path", { class: "peak", d: `M${peak} ${TOP_SPACE}V${height + TOP_SPACE}`, "pointer-events": "none" })));
}

function box(row, k, x, y, width, height) {
  const dim = found && !found.has(k) ? " dim" : "", mark = k === chosen ? " chosen" : "";
  const group = svg("g", { class: `kind-${row[KIND]}${dim}${mark}`, "data-row": k },
    svg("title", {}, `${row[NAME]}\n${row[TYPE]}\n${counted(row[BYTES])} bytes`),
    svg("rect", { class: "place", x, y, width, height }));
  const room = Math.floor((width - 6) / 5.9);
  if (height > 11 && room > 4) {
    const name = row[NAME].length > room ? `${row[NAME].slice(0, Math.ceil(room / 2) - 1)}…${row[NAME].slice(-Math.floor(room / 2))}` : row[NAME];
    group.append(svg("text", { class: "inside", x: x + width / 2, y: y + height / 2 + 3.3 }, name));
  }
  return group;
}

function axes(across, up, width, height) {
  const lines = [], bytes = 2 ** Math.ceil(Math.log2(Math.max(1, 55 / up)));
  for (let at = Math.ceil(view.y / bytes) * bytes; at <= view.y + view.bytes; at += bytes) {
    lines.push(svg("path", { class: "axis", d: `M${LEFT} ${toY(at)}h${width}` }),
      svg("text", { class: "tick", x: LEFT - 7, y: toY(at) + 3.5, "text-anchor": "end" }, at ? size(at) : "0"));
  }
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((each) => each * across > 50) ?? 10000;
  for (let at = Math.max(0, Math.ceil(view.x / step) * step); at <= view.x + view.calls; at += step) {
    lines.push(svg("text", { class: "tick", x: toX(at), y: height + TOP_SPACE + 15, "text-anchor": "middle" }, String(at)));
  }
  lines.push(svg("text", { class: "tick", x: LEFT + width / 2, y: height + TOP_SPACE + 29, "text-anchor": "middle" }, "kernel call"));
  return lines;
}

function choose(k) {
  chosen = k;
  const panel = $("panel");
  if (k === null) panel.replaceChildren();
  else {
    const row = data.rows[k], first = row[FIRST] < 0 ? "before the first call" : `call ${row[FIRST]}`;
    const last = row[LAST] >= calls ? "after the last call" : `call ${row[LAST]}`;
    const same = data.rows.map((_, each) => each).filter((each) => each !== k && data.rows[each][OFFSET] === row[OFFSET]);
    const facts = [["shape", row[TYPE]], ["bytes", counted(row[BYTES])], ["offset", counted(row[OFFSET])],
      ["written", first], ["last read", last]];
    panel.replaceChildren(html("button", { class: "away", type: "button", "aria-label": "Close details", onclick: () => choose(null) }, "×"),
      html("h2", {}, row[NAME]), html("p", { class: "kind" }, data.kinds[row[KIND]]),
      html("table", {}, ...facts.map(([name, text]) => html("tr", {}, html("td", {}, name), html("td", {}, text)))),
      ...(row[FIRST] >= 0 ? [html("h3", {}, "Written by a call that computes"), html("p", {}, data.calls[row[FIRST]])] : []),
      ...(same.length ? [html("h3", {}, "Others at the same offset"), html("ul", {}, ...same.slice(0, 30).map((each) =>
        html("li", {}, html("button", { class: "jump", type: "button", onclick: () => jump(each) }, data.rows[each][NAME]))))] : []));
    $("status").textContent = `${row[NAME]}, ${row[TYPE]}, ${counted(row[BYTES])} bytes`;
  }
  show();
}

/** Choose a value, and move so that it is seen. */
function jump(k) {
  const row = data.rows[k];
  if (row[LAST] < view.x || row[FIRST] > view.x + view.calls) view.x = Math.max(-1, row[FIRST] - view.calls / 3);
  if (row[OFFSET] + row[BYTES] < view.y || row[OFFSET] > view.y + view.bytes) view.y = Math.max(0, row[OFFSET] - view.bytes / 3);
  choose(k);
}

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const { width, height } = plot();
  const right = (x - LEFT) / width, up = 1 - (y - TOP_SPACE) / height;
  const scale = Math.min(1, Math.max(8 / (calls + 1), (view.calls / factor) / (calls + 1))) * (calls + 1) / view.calls;
  view.x += view.calls * right * (1 - scale);
  view.y += view.bytes * up * (1 - scale);
  view.calls *= scale;
  view.bytes *= scale;
  show();
}

function fit() {
  Object.assign(view, { x: -1, y: 0, calls: calls + 1, bytes: Math.max(1, data.values) * 1.02 });
  show();
}

let held = null, dragged = 0;
canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; dragged = 0; });
addEventListener("pointermove", (event) => {
  if (!held) return;
  const { width, height } = plot();
  view.x -= (event.clientX - held[0]) * view.calls / width;
  view.y += (event.clientY - held[1]) * view.bytes / height;
  dragged += Math.abs(event.clientX - held[0]) + Math.abs(event.clientY - held[1]);
  held = [event.clientX, event.clientY];
  show();
});
addEventListener("pointerup", () => { held = null; });
canvas.addEventListener("click", (event) => {
  if (dragged > 5) return;
  const target = event.target.closest("[data-row]");
  choose(target ? Number(target.dataset.row) : null);
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const frame = canvas.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 24 : 1) * 0.0016), event.clientX - frame.left, event.clientY - frame.top);
}, { passive: false });
$("search").addEventListener("input", () => {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (row) => words.every((word) => `${row[NAME]} ${row[TYPE]}`.toLowerCase().includes(word));
  found = words.length ? new Set(data.rows.flatMap((row, k) => holds(row) ? [k] : [])) : null;
  $("status").textContent = found ? `${found.size} values found` : "";
  show();
});
$("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && found?.size) { jump([...found][0]); canvas.focus(); }
  if (event.key === "Escape") canvas.focus();
});
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (step && document.activeElement === canvas) {
    const order = found ? [...found] : data.rows.map((_, k) => k);
    jump(order[(Math.max(0, order.indexOf(chosen)) + (chosen === null ? 0 : step) + order.length) % order.length]);
  } else if (event.key === "/") $("search").focus();
  else if (event.key === "0") fit();
  else if (event.key === "+" || event.key === "=") zoom(1.4);
  else if (event.key === "-") zoom(1 / 1.4);
  else if (event.key === "Escape") choose(null);
  else return;
  event.preventDefault();
});
$("fit").addEventListener("click", fit);
$("larger").addEventListener("click", () => zoom(1.4));
$("smaller").addEventListener("click", () => zoom(1 / 1.4));
$("theme").addEventListener("click", turnTheme);
new ResizeObserver(show).observe(canvas);
paint();
document.documentElement.dataset.ready = String(Math.round(performance.now()));

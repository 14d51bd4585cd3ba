// What is seen: the part of the scene that is on the screen, as SVG.

const SIGN = 24, MARGIN = 0.35, FAR = 0.3, NEAR = 0.5, CUT = 7, SLANT = 7;
const ROUND = { box: 2.5, round: 9, ellipse: 16 };

function polygon(points) { return `M${points.map((point) => point.join(" ")).join("L")}Z`; }

/** The path of a shape whose upper left corner is the origin. */
function outline(shape, w, h) {
  if (shape === "cut") {
    return polygon([[CUT, 0], [w - CUT, 0], [w, CUT], [w, h - CUT], [w - CUT, h], [CUT, h], [0, h - CUT], [0, CUT]]);
  }
  if (shape === "trapezoid") return polygon([[0, 0], [w, 0], [w - SLANT, h], [SLANT, h]]);
  const r = Math.min(h / 2, w / 2, shape === "pill" ? h / 2 : ROUND[shape] ?? 2.5);
  return `M${r} 0H${w - r}A${r} ${r} 0 0 1 ${w} ${r}V${h - r}A${r} ${r} 0 0 1 ${w - r} ${h}H${r}` +
    `A${r} ${r} 0 0 1 0 ${h - r}V${r}A${r} ${r} 0 0 1 ${r} 0Z`;
}

function curve(points) {
  const [first, ...rest] = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  return `M${first}C${rest.join(" ")}`;
}

/** The canvas: it draws the scene and can be moved and zoomed. */
class View {
  constructor(canvas, graph) {
    this.canvas = canvas;
    this.graph = graph;
    this.chosen = null;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.drawn = null;
    this.root = svg("g");
    this.layers = ["groups", "wires", "fresh", "dots", "cards", "labels"].map((id) => svg("g", { id }));
    this.root.append(...this.layers);
    canvas.append(svg("defs", {}, ...["forward", "backward", "aside", "fresh"].map(marker)), this.root);
    this.relay();
  }

  /** Lay out anew, after something was opened or closed. */
  relay() {
    this.scene = this.graph.scene();
    this.boxes = new Map(this.scene.boxes.map((box) => [box.key, box]));
    this.drawn = null;
    this.show();
  }

  show() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.paint();
    });
  }

  /** Bring the picture up to date with place and scale. */
  paint() {
    this.root.setAttribute("transform",
      `translate(${-this.left * this.scale} ${-this.top * this.scale}) scale(${this.scale})`);
    const detail = this.scale < FAR ? 0 : this.scale < NEAR ? 1 : 2;
    const screen = this.window();
    const known = this.drawn;
    const zoomed = known && !detail && Math.abs(Math.log(known.scale / this.scale)) > 0.25;
    if (known && !zoomed && known.detail === detail && screen.left >= known.left && screen.top >= known.top &&
        screen.right <= known.right && screen.bottom <= known.bottom) return;
    const wide = MARGIN * (screen.right - screen.left), high = MARGIN * (screen.bottom - screen.top);
    this.drawn = { detail, scale: this.scale, left: screen.left - wide, right: screen.right + wide, top: screen.top - high,
      bottom: screen.bottom + high };
    this.root.classList.toggle("far", detail === 0);
    this.draw(this.drawn);
  }

  window() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return { left: this.left, top: this.top, right: this.left + width / this.scale,
      bottom: this.top + height / this.scale };
  }

  draw(area) {
    const shown = this.scene.boxes.filter((box) => box.x < area.right && box.x + box.width > area.left &&
      box.y < area.bottom && box.y + box.height > area.top);
    const lines = this.scene.lines.filter((line) => touches(line.points, area));
    const [groups, wires, fresh, dots, cards, labels] = this.layers;
    groups.replaceChildren(...shown.filter((box) => box.opened).map((box) => this.frame(box)));
    wires.replaceChildren(...(area.detail ? lines.flatMap((line) => this.wire(line)) : this.threads(lines)));
    fresh.replaceChildren(...this.freshWires());
    const near = this.scene.dots.filter(({ x, y }) => x > area.left && x < area.right && y > area.top && y < area.bottom);
    dots.replaceChildren(...(area.detail ? near.flatMap((dot) => this.dot(dot, area.detail)) : []));
    cards.replaceChildren(...shown.filter((box) => !box.opened).map((box) => this.card(box, area.detail)));
    labels.replaceChildren(...(area.detail > 1 ? lines.filter((line) => line.at).flatMap((line) => this.label(line)) : []));
  }

  classes(key) {
    const { graph } = this;
    const buffer = graph.items.buffer[key];
    const color = buffer ? ` b-${buffer % graph.data.buffers}` : "";
    return `item s-${graph.word("sort", key)} r-${graph.role(key)}${color} g-${graph.word("group", key)}${key === this.chosen ? " chosen" : ""}`;
  }

  /** An open group. */
  frame(box) {
    const { graph } = this, key = box.key;
    const group = svg("g", { class: `${this.classes(key)} open`, "data-key": key, transform: `translate(${box.x} ${box.y})` });
    group.append(svg("path", { class: "body", d: outline("round", box.width, box.height) }));
    if (graph.word("group", key) === "fused") {
      const d = outline("round", box.width - 5, box.height - 5);
      group.append(svg("path", { class: "rim", transform: "translate(2.5 2.5)", d }));
    }
    if (this.drawn.detail) {
      group.append(svg("text", { class: "sign", x: 14, y: 18 }, graph.sign(key)),
        svg("text", { class: "name", x: 24, y: 18 }, graph.word("label", key)));
      let at = box.width - 22;
      group.append(...this.button("−", at, key, "close", "Close this group"));
      if (graph.level(key).ring !== undefined) {
        at -= 22;
        group.append(...this.button(graph.rings.has(key) ? "≣" : "◯", at, key, "turn", "Ring or layers"));
      }
    } else if (box.width * this.scale > 12 * graph.word("label", key).length) {
      const size = 12 / this.scale;
      const text = svg("text", { class: "name", x: size / 2, y: 1.3 * size }, graph.word("label", key));
      text.style.fontSize = `${size}px`;
      group.append(text);
    }
    return group;
  }

  button(sign, x, key, act, title) {
    return [
      svg("rect", { class: "toggle", x, y: 5, width: 17, height: 17, rx: 4, "data-key": key, "data-act": act },
        svg("title", {}, title)),
      svg("text", { class: "sign", x: x + 8.5, y: 18, "pointer-events": "none" }, sign),
    ];
  }

  card(box, detail) {
    const { graph } = this, key = box.key, [width, height, ...lines] = graph.card(key);
    const shape = graph.look(key)[2], kind = graph.word("group", key);
    const group = svg("g", { class: this.classes(key), "data-key": key, transform: `translate(${box.x} ${box.y})` });
    if (kind === "group" || kind === "wiring") {
      group.append(svg("path", { class: "behind", transform: "translate(3.5 3.5)", d: outline(shape, width, height) }));
    }
    group.append(svg("path", { class: "body", d: outline(shape, width, height) }));
    if (kind === "fused") {
      group.append(svg("path", { class: "rim", transform: "translate(2.5 2.5)", d: outline(shape, width - 5, height - 5) }));
    }
    if (detail) group.append(...this.writing(key, width, height, lines));
    return group;
  }

  writing(key, width, height, lines) {
    const { graph } = this, signed = graph.word("sort", key) !== "data" && !graph.plain.has(key);
    const found = [], start = signed ? SIGN : 0;
    if (signed) {
      found.push(svg("text", { class: "sign", x: SIGN / 2 + 1, y: height / 2 + 5 }, graph.sign(key)),
        svg("path", { class: "fence", d: `M${SIGN} 5V${height - 5}` }));
    }
    lines.forEach((line, k) => found.push(svg("text", { class: [graph.data.small ? "name small" : "name", "says", "count"][Math.min(k, 2)],
      x: start + (width - start) / 2, y: 18 + 13.5 * k, "text-anchor": "middle" }, graph.words[line])));
    if (graph.isGroup(key) && signed) found.push(...this.button("+", width - 20, key, "open", "Open this group"));
    return found;
  }

  wire(line) {
    const lit = this.chosen !== null && line.ends.includes(this.chosen);
    const head = lit ? "fresh" : line.role, d = curve(line.points);
    return [
      svg("path", { class: `wire r-${line.role}${lit ? " lit" : ""}`, d, "marker-end": `url(#r-${head})` }),
      svg("path", { class: "sense", d, "data-line": this.scene.lines.indexOf(line) }),
    ];
  }

  /** All arrows as a few paths, when they are seen from afar. */
  threads(lines) {
    const found = new Map();
    for (const line of lines) found.set(line.role, (found.get(line.role) ?? "") + curve(line.points));
    return [...found].map(([role, d]) => svg("path", { class: `wire r-${role}`, d }));
  }

  /** Arrows of the chosen item that lead through borders of groups, straight from end to end. */
  freshWires() {
    const { graph, chosen } = this, found = [];
    if (chosen === null || !this.boxes.has(chosen)) return found;
    const seen = new Set();
    for (const [links, outward] of [[graph.outgoing, true], [graph.incoming, false]]) {
      for (const { key } of links.get(chosen) ?? []) {
        const other = graph.seen(key);
        if (graph.parent(other) === graph.parent(chosen) || graph.contains(key, chosen) || seen.has(other)) continue;
        seen.add(other);
        const ends = [this.boxes.get(chosen), this.boxes.get(other)];
        if (found.length < 40 && ends[1]) found.push(freshWire(...(outward ? ends : ends.reverse())));
      }
    }
    return found;
  }

  dot(dot, detail) {
    const found = [svg("circle", { class: "dot", cx: dot.x, cy: dot.y, r: 3.5 })];
    if (detail > 1) {
      found.push(svg("text", { class: "shape", x: dot.x, y: dot.y + (dot.above ? -8 : 14) }, this.graph.words[dot.label]));
    }
    return found;
  }

  /** A line in the middle of an arrow, or lines above it and, after a blank one, below. */
  label(line) {
    const [first, second] = this.graph.words[line.arrow[2]].split("\n\n"), [x, y] = line.at;
    if (second === undefined) return [svg("text", { class: "shape", x, y: y + 3.2 }, first)];
    const above = first.split("\n").reverse(), below = second.split("\n");
    return [...above.map((text, k) => svg("text", { class: "shape value", x, y: y - 4 - 13.5 * k }, text)),
      ...below.map((text, k) => svg("text", { class: "shape gradient", x, y: y + 12 + 13.5 * k }, text))];
  }

  /** Draw again without laying out, after another item was chosen. */
  refresh() {
    this.drawn = null;
    this.show();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(4, Math.max(0.004, this.scale * factor));
    this.left += x / this.scale - x / scale;
    this.top += y / this.scale - y / scale;
    this.scale = scale;
    this.show();
  }

  move(dx, dy) {
    this.left -= dx / this.scale;
    this.top -= dy / this.scale;
    this.show();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.scale = Math.max(0.004, Math.min(1.25, (width - 40) / this.scene.width, (height - 40) / this.scene.height));
    this.left = (this.scene.width - width / this.scale) / 2;
    this.top = (this.scene.height - height / this.scale) / 2;
    this.show();
  }

  /** The whole picture, or its upper end where the whole would be too small to read. */
  begin() {
    this.fit();
    if (!this.canvas.clientWidth || this.scale > FAR || this.scene.height < 4 * this.scene.width) return;
    this.scale = Math.min(1, (this.canvas.clientWidth - 40) / this.scene.width);
    this.left = (this.scene.width - this.canvas.clientWidth / this.scale) / 2;
    this.top = -20 / this.scale;
  }

  /** Move so that an item is seen, at a size at which it can be read. */
  center(key) {
    const box = this.boxes.get(key);
    if (!box) return;
    this.scale = Math.max(this.scale, Math.min(0.9, this.canvas.clientWidth / box.width));
    this.left = box.x + box.width / 2 - this.canvas.clientWidth / this.scale / 2;
    this.top = box.y + Math.min(box.height / 2, 150) - this.canvas.clientHeight / this.scale / 2;
    this.show();
  }
}

function marker(name) {
  const role = name === "fresh" ? "head r-fresh" : `head r-${name}`;
  return svg("marker", { id: `r-${name}`, viewBox: "0 0 8 8", refX: 7.2, refY: 4, markerWidth: 7, markerHeight: 7,
    orient: "auto", markerUnits: "userSpaceOnUse" }, svg("path", { class: role, d: "M0 0.8L8 4L0 7.2Z" }));
}

function touches(points, area) {
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (const [x, y] of points) {
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  return left < area.right && right > area.left && top < area.bottom && bottom > area.top;
}

function freshWire(from, to) {
  const x = from.x + from.width / 2, y = from.y + from.height, x2 = to.x + to.width / 2, y2 = to.y;
  const bend = Math.max(40, Math.abs(y2 - y) / 3);
  return svg("path", { class: "wire fresh", d: `M${x} ${y}C${x} ${y + bend} ${x2} ${y2 - bend} ${x2} ${y2}`,
    "marker-end": "url(#r-fresh)" });
}

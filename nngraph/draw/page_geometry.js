// Where everything is. Each group was laid out with all that it holds closed; where something in it is open, the rows
// and columns that it stands in are stretched by as much as it needs, so that nothing else changes its place.

const HEADER = 26, PADDING = 12, TOP = -1;
const FACTS = ["attributes", "calls", "buffers", "gradients", "backward", "states", "more"];

/** Texts, each given as how much of the one before it it begins with, and the rest. */
function unfolded(parts) {
  const found = [];
  for (let k = 0, last = ""; k < parts.length; k += 2) found.push(last = last.slice(0, parts[k]) + parts[k + 1]);
  return found;
}

/** The graph that the page holds, and which of its groups are open. */
class Graph {
  constructor(data) {
    this.data = data;
    this.words = unfolded(data.words);
    this.items = data.items;
    this.ids = data.items.id.map((word) => this.words[word]);
    this.count = this.ids.length;
    this.opened = new Set(data.opened);
    this.rings = new Set();
    this.plain = new Set(data.plain);
    this.arrangements = new Map();
    this.incoming = new Map();
    this.outgoing = new Map();
    for (const [source, target, value, type] of data.links) {
      this.#append(this.outgoing, source, { key: target, value, type });
      this.#append(this.incoming, target, { key: source, value, type });
    }
  }

  #append(map, key, entry) {
    if (!map.has(key)) map.set(key, []);
    map.get(key).push(entry);
  }

  word(column, key) { return this.words[this.items[column][key]]; }
  parent(key) { return this.items.parent[key]; }
  level(key) { return this.data.levels[key]; }
  facts(key) { return Object.fromEntries((this.data.facts[key] || []).map((fact, k) => [FACTS[k], fact || undefined])); }
  role(key) { return this.data.roles[this.items.role[key]]; }
  look(key) { return this.data.looks[this.word("sort", key)]; }
  sign(key) { return this.data.signs[this.word("op", key)] ?? this.look(key)[1]; }
  card(key) { return this.items.card[key]; }
  isGroup(key) { return this.word("group", key) !== ""; }

  /** The groups around an item, from the innermost outward. */
  ancestors(key) {
    const found = [];
    for (let at = this.parent(key); at !== TOP; at = this.parent(at)) found.push(at);
    return found;
  }

  /** What is seen of an item: itself, or the outermost closed group around it. */
  seen(key) {
    let found = key;
    for (const group of this.ancestors(key)) if (!this.opened.has(group)) found = group;
    return found;
  }

  contains(group, key) { return key === group || this.ancestors(key).includes(group); }

  open(key, wanted) {
    if (!this.isGroup(key) || this.opened.has(key) === wanted) return false;
    if (wanted) this.opened.add(key); else this.opened.delete(key);
    this.#forget(key);
    return true;
  }

  openAll(wanted) {
    for (let key = 0; key < this.count; key++) if (this.isGroup(key)) this.open(key, wanted);
  }

  /** Show a wiring as a ring, or in layers. */
  turn(key) {
    if (!this.rings.delete(key)) this.rings.add(key);
    this.#forget(key);
  }

  #forget(key) {
    for (const each of [key, ...this.ancestors(key), TOP]) this.arrangements.delete(each);
  }

  size(key) {
    const [width, height] = this.card(key);
    if (!this.opened.has(key)) return [width, height];
    const inner = this.arranged(key);
    const title = 40 + 8 * this.word("label", key).length;
    return [Math.max(inner.width, title) + 2 * PADDING, inner.height + HEADER + 2 * PADDING];
  }

  /** The inside of a group: boxes, dots and routes, seen from its upper left corner. */
  arranged(key) {
    if (!this.arrangements.has(key)) this.arrangements.set(key, this.#arrange(this.level(key), key));
    return this.arrangements.get(key);
  }

  #arrange(level, key) {
    const layout = this.data.layouts[this.rings.has(key) ? level.ring : level.layout];
    const places = level.items.map((child, k) => {
      const [width, height] = this.card(child);
      return { key: child, x: layout.at[2 * k], y: layout.at[2 * k + 1], width, height };
    });
    const across = [], down = [];
    for (const place of places) {
      if (!this.opened.has(place.key)) continue;
      const [width, height] = this.size(place.key);
      across.push([place.x - place.width / 2, place.x + place.width / 2, width - place.width]);
      down.push([place.y - place.height / 2, place.y + place.height / 2, height - place.height]);
    }
    const fx = stretched(across), fy = stretched(down);
    const boxes = places.map((place) => {
      const [width, height] = this.size(place.key);
      const x = (fx(place.x - place.width / 2) + fx(place.x + place.width / 2)) / 2;
      const y = (fy(place.y - place.height / 2) + fy(place.y + place.height / 2)) / 2;
      return { key: place.key, x, y, width, height };
    });
    const dots = level.ports.map(([enters, label], k) => {
      const at = 2 * (places.length + k);
      const above = Boolean(enters) !== Boolean(level.upward);
      return { label, above, x: fx(layout.at[at]), y: fy(layout.at[at + 1]) + (above ? 5 : -5) };
    });
    const lines = level.arrows.map((arrow, k) => {
      const ends = [arrow[0], arrow[1]].map((end) => this.#end(end, places, boxes, dots));
      const route = pairs(layout.routes[k]), at = layout.labels[k];
      const points = across.length ? stretchedRoute(route, fx, fy, ends) : led(route, ends);
      const [x, y] = middle(route), [newX, newY] = middle(points);
      return { arrow, points, at: at && [newX + at[0] - x, newY + at[1] - y] };
    });
    return { level, boxes, dots, lines, width: fx(layout.size[0]), height: fy(layout.size[1]) };
  }

  /** How the end of a route moves with the box, or onto the dot, that it is at. */
  #end(end, places, boxes, dots) {
    if (end >= boxes.length) return () => [dots[end - boxes.length].x, dots[end - boxes.length].y];
    const place = places[end], box = boxes[end];
    return ([x, y]) => [
      box.x + scaled(x - place.x, place.width / 2, box.width / 2),
      box.y + scaled(y - place.y, place.height / 2, box.height / 2),
    ];
  }

  /** Everything that is seen, in its place; what holds others comes before them. */
  scene() {
    const found = { boxes: [], lines: [], dots: [] };
    this.#place(TOP, 0, 0, found);
    const { width, height } = this.arranged(TOP);
    return { ...found, width, height };
  }

  #place(group, left, top, found) {
    const { level, boxes, dots, lines } = this.arranged(group);
    for (const box of boxes) {
      const opened = this.opened.has(box.key);
      const x = left + box.x - box.width / 2, y = top + box.y - box.height / 2;
      found.boxes.push({ key: box.key, x, y, width: box.width, height: box.height, opened });
      if (opened) {
        const room = (box.width - this.arranged(box.key).width) / 2;
        this.#place(box.key, x + room, y + HEADER + PADDING, found);
      }
    }
    for (const dot of dots) found.dots.push({ ...dot, x: left + dot.x, y: top + dot.y });
    for (const line of lines) {
      const points = line.points.map(([x, y]) => [left + x, top + y]);
      const ends = [line.arrow[0], line.arrow[1]].map((end) => level.items[end] ?? TOP);
      const at = line.at && [left + line.at[0], top + line.at[1]];
      found.lines.push({ arrow: line.arrow, points, ends, at, role: this.#roleOf(line.arrow, ends) });
    }
  }

  #roleOf(arrow, ends) {
    if (arrow[4]) return "aside";
    const roles = ends.filter((key) => key !== TOP).map((key) => this.role(key));
    return roles.includes("forward") ? "forward" : "backward";
  }
}

/** The map of one axis under which every span [from, to, more] becomes `more` longer; overlapping spans share. */
function stretched(spans) {
  if (!spans.length) return (x) => x;
  const cuts = [...new Set(spans.flatMap(([from, to]) => [from, to]))].sort((a, b) => a - b);
  const slopes = cuts.slice(1).map((to, k) => {
    const middle = (cuts[k] + to) / 2;
    const here = spans.filter(([a, b]) => a < middle && middle < b).map(([a, b, more]) => more / (b - a));
    return Math.max(0, ...here);
  });
  const before = [0];
  slopes.forEach((slope, k) => before.push(before[k] + slope * (cuts[k + 1] - cuts[k])));
  return (x) => {
    let low = 0, high = cuts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cuts[middle] <= x) low = middle + 1; else high = middle;
    }
    if (low === 0) return x;
    const k = low - 1;
    return x + before[k] + (k < slopes.length ? slopes[k] * (x - cuts[k]) : 0);
  };
}

/** A distance from the center of a box when half its size becomes `after`; what is on the border stays on it. */
function scaled(distance, before, after) {
  return Math.abs(distance) > before - 2 ? Math.sign(distance) * after : distance * after / before;
}

function pairs(numbers) {
  const points = [];
  for (let k = 0; k < numbers.length; k += 2) points.push([numbers[k], numbers[k + 1]]);
  return points;
}

/** A route whose ends, and the points next to them, are led to where they belong. */
function led(route, [first, last]) {
  const points = [...route], end = points.length - 1;
  const shift = (k, [dx, dy]) => { points[k] = [points[k][0] + dx, points[k][1] + dy]; };
  for (const [k, next, lead] of [[0, 1, first], [end, end - 1, last]]) {
    const [x, y] = lead(route[k]), by = [x - route[k][0], y - route[k][1]];
    shift(k, by);
    if (end > 1) shift(next, by);
  }
  return points;
}

/** A smooth curve through where a route's points are moved, for its own would have kinks. */
function stretchedRoute(route, fx, fy, [first, last]) {
  const through = route.filter((_, k) => k % 3 === 0).map(([x, y]) => [fx(x), fy(y)]);
  through[0] = first(route[0]);
  through[through.length - 1] = last(route.at(-1));
  const down = Math.sign(through.at(-1)[1] - through[0][1]);
  const points = [through[0]];
  for (let k = 0; k + 1 < through.length; k++) {
    const a = through[k], b = through[k + 1], before = through[k - 1], after = through[k + 2];
    const reach = Math.hypot(b[0] - a[0], b[1] - a[1]) / 3;
    const leave = direction(before ? [b[0] - before[0], b[1] - before[1]] : [0, down], reach);
    const enter = direction(after ? [after[0] - a[0], after[1] - a[1]] : [0, down], reach);
    points.push([a[0] + leave[0], a[1] + leave[1]], [b[0] - enter[0], b[1] - enter[1]], b);
  }
  return points;
}

function direction([x, y], length) {
  const own = Math.hypot(x, y) || 1;
  return [x * length / own, y * length / own];
}

/** The point of a curve halfway along its pieces. */
function middle(points) {
  const pieces = (points.length - 1) / 3, k = 3 * Math.floor(pieces / 2);
  if (pieces % 2 === 0) return points[k];
  const [a, b, c, d] = points.slice(k, k + 4);
  return [(a[0] + 3 * b[0] + 3 * c[0] + d[0]) / 8, (a[1] + 3 * b[1] + 3 * c[1] + d[1]) / 8];
}

// The details of what is chosen: attributes, shapes, parameters, arrows, gradients, kernels and their source, buffers.

const LISTED = 40;

class Panel {
  /** `jump(key)` chooses and shows an item, `act(key, name)` opens, closes or turns a group. */
  constructor(element, graph, jump, act) {
    this.element = element;
    this.graph = graph;
    this.jump = jump;
    this.act = act;
    this.keys = new Map(graph.ids.map((id, key) => [id, key]));
  }

  clear() { this.element.replaceChildren(); }

  item(key) {
    const { graph } = this, facts = graph.facts(key), op = graph.word("op", key);
    this.element.replaceChildren(
      html("button", { class: "away", type: "button", "aria-label": "Close details", onclick: () => this.jump(null) }, "×"),
      html("h2", {}, graph.ids[key]),
      html("p", { class: "kind" }, op ? `${op} · ${graph.look(key)[0]}` : "group"),
      this.#figures(key), this.#actions(key),
      ...this.#section("Attributes", this.#table(facts.attributes)),
      ...this.#section("Parameters and other states", this.#lines(facts.states)),
      ...this.#section("Reads", this.#links(key, graph.incoming)),
      ...this.#section("Read by", this.#links(key, graph.outgoing)),
      ...this.#section("Gradient", this.#gradients(facts)),
      ...this.#section("Kernel", this.#calls(facts.calls)),
      ...this.#section("Kernels of its gradients", this.#calls(facts.backward)),
      ...this.#section("Buffer", this.#lines(facts.buffers)),
    );
    this.element.scrollTop = 0;
  }

  /** What an arrow carries. */
  line(line) {
    const { graph } = this, [, , , type, , count, ...values] = line.arrow;
    this.element.replaceChildren(
      html("button", { class: "away", type: "button", "aria-label": "Close details", onclick: () => this.jump(null) }, "×"),
      html("h2", {}, count === 1 ? "1 value" : `${counted(count)} values`),
      html("p", { class: "kind" }, graph.words[type] || "of several shapes"),
      ...this.#section("Values", html("ul", {}, ...values.map((value) => html("li", {}, graph.words[value])),
        count > values.length ? html("li", {}, `and ${counted(count - values.length)} more`) : null)),
      ...this.#section("From", line.ends[0] === TOP ? html("p", {}, "outside of the group") : this.#link(line.ends[0])),
      ...this.#section("To", line.ends[1] === TOP ? html("p", {}, "outside of the group") : this.#link(line.ends[1])),
    );
  }

  #section(title, content) { return content ? [html("h3", {}, title), content] : []; }

  #figures(key) {
    const { graph } = this, rows = [];
    const type = graph.word("type", key), parameters = graph.items.parameters[key], work = graph.items.work[key];
    if (type) rows.push(["result", type]);
    if (parameters) rows.push(["parameters", counted(parameters)]);
    if (work) rows.push(["multiply-adds", `${counted(work)} for an example`]);
    if (graph.isGroup(key)) rows.push(["holds", `${counted(graph.level(key).items.length)} items`]);
    const buffer = graph.items.buffer[key];
    const table = html("table", {}, ...rows.map(([name, value]) => html("tr", {}, html("td", {}, name), html("td", {}, value))));
    if (buffer) {
      const swatch = html("span", { class: `swatch b-${buffer % graph.data.buffers}` });
      table.append(html("tr", {}, html("td", {}, "buffer"), html("td", {}, swatch, String(buffer))));
    }
    return table;
  }

  #actions(key) {
    const { graph } = this, found = [];
    const button = (name, text) => html("button", { type: "button", onclick: () => this.act(key, name) }, text);
    if (graph.isGroup(key)) {
      found.push(graph.opened.has(key) ? button("close", "Close group") : button("open", "Open group"));
      if (graph.level(key).ring !== undefined) {
        found.push(button("turn", graph.rings.has(key) && graph.opened.has(key) ? "In layers" : "As a ring"));
      }
    }
    if (graph.parent(key) !== TOP) {
      found.push(html("button", { type: "button", onclick: () => this.jump(graph.parent(key)) }, "Group around"));
    }
    return found.length ? html("div", { class: "actions" }, ...found) : "";
  }

  #table(pairs) {
    if (!pairs) return null;
    const { words } = this.graph;
    return html("table", {}, ...pairs.map(([name, value]) =>
      html("tr", {}, html("td", {}, words[name]), html("td", {}, words[value]))));
  }

  #lines(lines) {
    return lines ? html("ul", {}, ...lines.map((line) => html("li", {}, this.graph.words[line]))) : null;
  }

  #link(key, note = "") {
    return html("button", { class: "jump", type: "button", onclick: () => this.jump(key) }, this.graph.ids[key],
      note ? html("small", {}, note) : null);
  }

  /** Ends of arrows: of the item itself, or for a group of all that it holds with what is outside of it. */
  #links(key, links) {
    const { graph } = this, found = new Map();
    const inside = graph.isGroup(key) ? this.#within(key) : new Set([key]);
    for (const each of inside) {
      for (const link of links.get(each) ?? []) {
        if (!inside.has(link.key) && !found.has(link.key)) found.set(link.key, link);
      }
    }
    if (!found.size) return null;
    const all = [...found.values()];
    return html("ul", {}, ...all.slice(0, LISTED).map((link) => html("li", {}, this.#link(link.key, short(graph.words[link.type])))),
      all.length > LISTED ? html("li", {}, `and ${counted(all.length - LISTED)} more`) : null);
  }

  #within(group) {
    const found = new Set(), stack = [group];
    while (stack.length) {
      const key = stack.pop();
      found.add(key);
      if (this.graph.isGroup(key)) stack.push(...this.graph.level(key).items);
    }
    return found;
  }

  /** Ids of nodes that compute gradients: ways to them where the picture holds them. */
  #gradients(facts) {
    if (!facts.gradients) return null;
    const rows = facts.gradients.map((word) => {
      const id = this.graph.words[word], key = this.keys.get(id);
      return html("li", {}, key === undefined ? id : this.#link(key));
    });
    if (facts.more) rows.push(html("li", {}, `and ${counted(facts.more)} more`));
    const list = html("ul", {}, ...rows), count = facts.gradients.length + (facts.more ?? 0);
    return count > 8 ? html("details", {}, html("summary", {}, `${counted(count)} nodes`), list) : list;
  }

  #calls(calls) {
    if (!calls) return null;
    const rows = calls.slice(0, LISTED).map((call) => this.#call(call));
    if (calls.length > LISTED) rows.push(html("p", {}, `and ${counted(calls.length - LISTED)} more calls`));
    return html("div", {}, ...rows);
  }

  #call(call) {
    const { calls, kernels, sources } = this.graph.data;
    const [family, kernel, reads, writes] = calls[call];
    const names = (values) => values.map((value) => this.graph.words[value]).join(", ");
    const source = html("pre", { tabindex: "0" });
    const fill = () => { source.textContent = sources[kernels[call]]; };
    return html("details", { ontoggle: fill }, html("summary", {}, `call ${call}: ${this.graph.words[family]} ${this.graph.words[kernel]}`),
      html("ul", {}, html("li", {}, `reads ${names(reads)}`), html("li", {}, `writes ${names(writes)}`)), source);
  }
}

/** A type as arrows bear it: without the batch. */
function short(type) {
  const [dtype, rest = ""] = type.split("[");
  const shape = rest.replace("]", "").split(", ").filter((dim) => dim && dim !== "batch").join("×") || "1";
  return dtype.startsWith("float") ? shape : `${dtype} ${shape}`;
}

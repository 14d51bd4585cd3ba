// Search by id, op or shape, with the keyboard or the pointer.

const FOUND = 50;

class Search {
  constructor(input, list, graph, jump) {
    Object.assign(this, { input, list, graph, jump, results: [], at: -1 });
    this.texts = graph.ids.map((id, key) => `${id} ${graph.word("op", key)} ${graph.word("type", key)}`.toLowerCase());
    input.addEventListener("input", () => this.update());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    input.addEventListener("focus", () => this.update());
    list.addEventListener("pointerdown", (event) => {
      const row = event.target.closest("li[data-key]");
      if (row) this.choose(Number(row.dataset.key));
      event.preventDefault();
    });
  }

  /** Keys of the items that hold every word, those whose name begins with what was typed first. */
  find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = [];
    this.texts.forEach((known, key) => {
      if (words.every((word) => known.includes(word))) found.push(key);
    });
    const rank = (key) => {
      const id = this.graph.ids[key].toLowerCase(), label = id.slice(id.lastIndexOf("/") + 1);
      return id === words[0] ? 0 : label === words[0] ? 1 : label.startsWith(words[0]) ? 2 : id.includes(words[0]) ? 3 : 4;
    };
    return found.map((key) => [rank(key), key]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, key]) => key);
  }

  update() {
    this.results = this.find(this.input.value);
    this.at = this.results.length ? 0 : -1;
    const { graph } = this;
    const rows = this.results.slice(0, FOUND).map((key, k) => html("li", { role: "option", id: `found-${k}`, "data-key": key },
      html("span", {}, graph.ids[key]), html("span", {}, graph.word("op", key))));
    if (this.results.length > FOUND) rows.push(html("li", {}, html("span", {}, `and ${counted(this.results.length - FOUND)} more`)));
    if (!this.results.length && this.input.value.trim()) rows.push(html("li", {}, html("span", {}, "nothing found")));
    this.list.replaceChildren(...rows);
    this.list.hidden = !rows.length;
    this.input.setAttribute("aria-expanded", String(rows.length > 0));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((row, k) => row.setAttribute("aria-selected", String(k === this.at)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    if (this.at >= 0) this.input.setAttribute("aria-activedescendant", `found-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const last = Math.min(this.results.length, FOUND) - 1;
    if (event.key === "ArrowDown") this.at = Math.min(last, this.at + 1);
    else if (event.key === "ArrowUp") this.at = Math.max(0, this.at - 1);
    else if (event.key === "Enter" && this.at >= 0) this.choose(this.results[this.at]);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.list.hidden) this.mark();
  }

  choose(key) {
    this.close();
    this.input.blur();
    this.jump(key);
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }
}

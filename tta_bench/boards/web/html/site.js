"use strict";
// Tables that sort by a click on a heading, and filters above them. Without JavaScript the pages are whole.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const first = [...body.rows];
  const known = new Map();
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.hasAttribute("data-fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(column));
  });

  function sort(column) {
    const head = heads[column];
    const number = head.hasAttribute("data-number");
    const highFirst = number && head.dataset.key !== "rank";
    const now = head.getAttribute("aria-sort");
    const next = now === null ? (highFirst ? "descending" : "ascending") : now === "ascending" ? "descending" : "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const keyed = keys(column, number);
    const order = first.map((_, index) => index);
    order.sort((a, b) => {
      const [left, right] = [keyed[a], keyed[b]];
      if (left === null || right === null) return (left === null) - (right === null) || a - b;
      return sign * (left < right ? -1 : left > right ? 1 : 0) || a - b;
    });
    hold();
    body.replaceChildren(...order.map((index) => first[index]));
  }

  // The value of each row in a column, read once.
  function keys(column, number) {
    if (!known.has(column)) known.set(column, first.map((row) => value(row.cells[column].textContent.trim(), number)));
    return known.get(column);
  }

  // Columns keep their widths while rows move, so that no cell need be measured again; another size of window frees them.
  function hold() {
    if (table.style.tableLayout) return;
    const widths = heads.map((head) => head.getBoundingClientRect().width);
    if (!widths.some(Boolean)) return;
    const columns = document.createElement("colgroup");
    for (const width of widths) columns.append(Object.assign(document.createElement("col"), { style: `width: ${width}px` }));
    table.prepend(columns);
    Object.assign(table.style, { tableLayout: "fixed", width: `${widths.reduce((sum, width) => sum + width)}px` });
    const free = () => {
      columns.remove();
      table.removeAttribute("style");
    };
    addEventListener("resize", free, { once: true });
  }

  function value(words, number) {
    if (words === "" || words === "-") return null;
    if (!number) return words.toLowerCase();
    const found = parseFloat(words.replaceAll(",", ""));
    return Number.isNaN(found) ? null : found;
  }

  const filters = table.closest(".shown")?.querySelector(".filters");
  if (!filters) continue;
  filters.hidden = false;
  const search = filters.querySelector("[data-search]");
  const choices = [...filters.querySelectorAll("select")];
  const columns = choices.map((choice) => heads.findIndex((head) => head.dataset.key === choice.dataset.column));
  const count = filters.querySelector("output");
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of first) {
      const text = row.textContent.toLowerCase();
      const fits =
        words.every((word) => text.includes(word)) &&
        choices.every((choice, index) => !choice.value || row.cells[columns[index]].textContent.trim() === choice.value);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = shown === first.length ? "" : `${shown} of ${first.length} rows`;
  };
  for (const input of [search, ...choices]) input.addEventListener("input", show);
}

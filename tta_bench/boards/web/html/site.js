"use strict";
// Tables that sort by a click on a heading, and filters above them. Without JavaScript the pages are whole.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const first = [...body.rows];
  const place = new Map(first.map((row, index) => [row, index]));
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
    const keyed = first.map((row) => [value(row.cells[column].textContent.trim(), number), row]);
    keyed.sort(([a, rowA], [b, rowB]) => {
      if (a === null || b === null) return (a === null) - (b === null) || place.get(rowA) - place.get(rowB);
      const order = number ? a - b : a < b ? -1 : a > b ? 1 : 0;
      return sign * order || place.get(rowA) - place.get(rowB);
    });
    const sorted = document.createDocumentFragment();
    for (const [, row] of keyed) sorted.append(row);
    body.append(sorted);
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

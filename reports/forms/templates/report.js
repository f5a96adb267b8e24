/* Sorting, filtering and folding of long tables. Without it every row stands there, in the order of the report. */
"use strict";
(() => {
  const words = document.body.dataset;
  const put = (text, n) => text.replace("%s", n.toLocaleString("en"));
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

  function valueOf(row, column, kind) {
    const text = row.cells[column].textContent.trim();
    if (kind === "text") return text;
    const n = kind === "date" ? Date.parse(text.replace(/-/g, "/")) : parseFloat(text.replace(/[,▲ ]/g, "").replace(/[−▼]/, "-"));
    return Number.isNaN(n) ? null : n;
  }

  function compare(a, b, kind) {
    if (a === null || b === null) return (a === null) - (b === null);
    return kind === "text" ? collator.compare(a, b) : a - b;
  }

  for (const table of document.querySelectorAll("table.data, table.mx")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const limit = Number(table.dataset.fold);
    const holder = table.closest(".block");
    let open = limit === 0;
    let query = "";
    let fold, told;

    const show = () => {
      let n = 0;
      for (const row of body.rows) {
        const match = !query || row.textContent.toLowerCase().includes(query);
        row.classList.toggle("off", !match);
        row.classList.toggle("folded", match && !open && !query && n >= limit);
        n += match;
      }
      if (told) told.textContent = query ? put(words.shown, n) : "";
      if (fold) {
        fold.hidden = Boolean(query);
        fold.setAttribute("aria-expanded", String(open));
        fold.textContent = open ? words.fold : put(words.unfold, rows.length);
      }
    };

    if (rows.length > 2 && table.matches(".data")) {
      [...table.tHead.rows[0].cells].forEach((cell, column) => {
        const button = document.createElement("button");
        button.type = "button";
        button.title = words.sort;
        button.append(...cell.childNodes);
        cell.append(button);
        button.addEventListener("click", () => {
          const down = cell.getAttribute("aria-sort") === "ascending";
          for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
          cell.setAttribute("aria-sort", down ? "descending" : "ascending");
          const kind = cell.dataset.sort;
          const keyed = rows.map((row) => [valueOf(row, column, kind), row]);
          keyed.sort(([a], [b]) => (a === null || b === null ? compare(a, b, kind) : (down ? -1 : 1) * compare(a, b, kind)));
          body.append(...keyed.map(([, row]) => row));
          show();
        });
      });
    }
    if (table.dataset.filter) {
      const tools = document.createElement("div");
      tools.className = "tools";
      const input = document.createElement("input");
      input.type = "search";
      input.placeholder = words.filter;
      input.setAttribute("aria-label", table.dataset.filter);
      told = document.createElement("span");
      told.setAttribute("role", "status");
      tools.append(input, told);
      holder.querySelector(".scroll").before(tools);
      input.addEventListener("input", () => {
        query = input.value.trim().toLowerCase();
        show();
      });
    }
    if (limit) {
      fold = document.createElement("button");
      fold.type = "button";
      fold.className = "fold";
      holder.querySelector(".scroll").after(fold);
      fold.addEventListener("click", () => {
        open = !open;
        show();
        if (!open) holder.scrollIntoView();
      });
    }
    show();
  }

  // A link to a row that is folded away unfolds its table.
  const reveal = () => {
    const row = location.hash && document.getElementById(location.hash.slice(1));
    if (!row || !row.classList.contains("folded")) return;
    row.closest(".block").querySelector(".fold").click();
    row.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();

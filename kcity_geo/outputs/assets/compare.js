"use strict";
(() => {
  const root = document.documentElement;
  const buttons = document.querySelectorAll(".switch button");
  const show = (language) => {
    root.dataset.lang = language;
    root.lang = language;
    buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.value === language)));
  };
  buttons.forEach((b) => b.addEventListener("click", () => { show(b.value); location.hash = b.value; }));
  show(location.hash === "#ko" ? "ko" : "en");
  document.querySelectorAll("table.sorted").forEach((table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.sort;
        const order = [...body.rows].sort((a, b) => {
          const one = value(a), two = value(b), number = Number(one) - Number(two);
          const by = Number.isNaN(number) ? one.localeCompare(two) : number;
          return down ? -by : by;
        });
        order.forEach((row) => body.appendChild(row));
      });
    });
  });
})();

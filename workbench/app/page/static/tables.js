// Tables: a click on a heading asks for the rows in its order, and "more" for more of them. The server sorts all rows.
(() => {
  "use strict";
  let asked = 0; // the newest question

  async function turn(button) {
    const mine = ++asked;
    const table = button.closest("section.table");
    table.classList.add("asked-for");
    const answer = await fetch(button.dataset.table).catch(() => null);
    if (mine !== asked || !table.isConnected) return;
    table.classList.remove("asked-for");
    // What is not kept any more is asked for again.
    if (!answer || !answer.ok) return void (answer && window.workbench.again());
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("section.table");
    const [old, shown] = [table, made].map((each) => each.querySelector(".scroll"));
    const status = made.querySelector("[role=status]");
    const words = status.textContent;
    status.textContent = ""; // what is put in afterwards is read out
    table.replaceWith(made);
    shown.scrollLeft = old.scrollLeft;
    if (!button.dataset.column) shown.scrollTop = old.scrollTop;
    const same = [...made.querySelectorAll("[data-table]")].find((each) => each.dataset.column === button.dataset.column);
    (same || shown).focus({ preventScroll: true });
    const sorted = made.querySelector("[aria-sort] button");
    status.textContent = words;
    if (sorted) status.setAttribute("aria-label", `${words}, sorted by ${sorted.textContent.replace(/[▲▼]/, "")}, ${sorted.closest("th").getAttribute("aria-sort")}`);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button[data-table]");
    if (button) turn(button);
  });
})();

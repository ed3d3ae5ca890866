// Tables: a click on a heading asks for the rows in its order, "more" for more of them, a field for those with a text.
// The server sorts and looks through all rows. What is shown of a table stands in the address.
(() => {
  "use strict";
  let asked = 0; // the newest question
  let typing = 0; // the time until what is typed is asked for

  // What the table of an order is called in the address, with what is not the case taken away.
  function told(table, order) {
    const keys = new URLSearchParams(order);
    return new URLSearchParams(["sort", "find", "rows"].map((name) => [`_${name}${table.dataset.place}`, keys.get(name) || ""])).toString();
  }

  async function show(table, order, from) {
    const mine = ++asked;
    table.classList.add("asked-for");
    const answer = await fetch(`${table.dataset.rows}?${order}`).catch(() => null);
    if (mine !== asked || !table.isConnected) return;
    table.classList.remove("asked-for");
    if (!answer) return;
    window.workbench.note(told(table, order), from && from.dataset.column ? "push" : "replace");
    // What is not kept any more is asked for again.
    if (!answer.ok) return void window.workbench.again();
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("section.table");
    const [old, shown] = [table, made].map((each) => each.querySelector(".scroll"));
    const [foot, status] = [made.querySelector(".foot"), made.querySelector("[role=status]")];
    const words = status.textContent;
    status.textContent = ""; // what is put in afterwards is read out
    table.dataset.order = made.dataset.order;
    old.replaceWith(shown);
    table.querySelector(".foot").replaceWith(foot);
    shown.scrollLeft = old.scrollLeft;
    if (from && !from.dataset.column) shown.scrollTop = old.scrollTop;
    const same = from && [...table.querySelectorAll("[data-table]")].find((each) => each.dataset.column === from.dataset.column);
    if (from) (same || shown).focus({ preventScroll: true });
    const sorted = shown.querySelector("[aria-sort] button");
    status.textContent = words;
    if (sorted) status.setAttribute("aria-label", `${words}, sorted by ${sorted.textContent.replace(/[▲▼]/, "")}, ${sorted.closest("th").getAttribute("aria-sort")}`);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button[data-table]");
    if (button) show(button.closest("section.table"), button.dataset.table, button);
  });

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.matches || !field.matches("[data-find-rows]")) return;
    clearTimeout(typing);
    typing = setTimeout(() => {
      const table = field.closest("section.table");
      const order = new URLSearchParams(table.dataset.order);
      order.delete("rows"); // other rows begin at the first again
      field.value.trim() ? order.set("find", field.value.trim()) : order.delete("find");
      show(table, order.toString());
    }, 200);
  });
})();

// The palette: finds what has a name. The server looks; here are the dialog, the keyboard, and what is read out.
(() => {
  "use strict";
  const W = window.workbench;
  const dialog = document.createElement("dialog");
  dialog.id = "palette";
  dialog.setAttribute("aria-label", "Find");
  dialog.innerHTML = `
    <input type="text" role="combobox" aria-label="Find an analysis, a class, a tag, a saved set or an image"
      placeholder="Analysis, class, tag, saved set, image, or a query" aria-expanded="true" aria-controls="palette-list"
      aria-autocomplete="list" autocomplete="off" spellcheck="false" maxlength="200">
    <div id="palette-list" role="listbox" aria-label="Found"></div>
    <p class="none" hidden>Nothing has a name like this.</p>
    <p class="none later" aria-hidden="true" hidden></p>
    <p class="keys" aria-hidden="true"><span><kbd>↑</kbd> <kbd>↓</kbd> choose</span><span><kbd>Enter</kbd> open</span><span><kbd>Ctrl Enter</kbd> new tab</span><span><kbd>Esc</kbd> close</span></p>
    <p class="count" role="status"></p>`;
  const field = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  let asked = 0; // the newest question
  let at = -1; // which option is chosen
  let shown = ""; // what is in the list: what is chosen stays so while the same is found again
  const options = () => [...list.querySelectorAll("[role=option]")];

  function made(tag, attributes, ...inner) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inner.filter(Boolean));
    return element;
  }

  async function look() {
    const mine = ++asked;
    let found = [];
    let waits = ""; // what is not looked through yet
    let silent = false;
    try {
      const answer = await fetch(`find?text=${encodeURIComponent(field.value)}`);
      ({ hits: found, waits } = answer.ok ? await answer.json() : { hits: [], waits: "" });
    } catch {
      silent = true; // the terminal in which the workbench ran is closed
    }
    if (mine !== asked) return;
    const later = dialog.querySelector(".later");
    if (later.textContent !== waits) later.textContent = waits;
    later.hidden = !waits;
    if (waits) setTimeout(() => mine === asked && dialog.open && look(), 700);
    if (JSON.stringify(found) !== shown) show(found);
    const none = dialog.querySelector(".none");
    none.hidden = found.length > 0 || Boolean(waits);
    none.textContent = silent ? "The workbench does not answer; is it still running in its terminal?" : `Nothing is called “${field.value.trim()}”.`;
    dialog.querySelector(".count").textContent = `${found.length} found${waits ? ` so far. ${waits}` : ""}`;
  }

  function show(found) {
    shown = JSON.stringify(found);
    const groups = new Map();
    found.forEach((hit, place) => {
      const picture = hit.picture ? made("img", { src: hit.picture, alt: "" }) : "";
      const words = made("span", {}, made("b", {}, hit.title), made("small", {}, hit.note));
      const option = made("div", { role: "option", id: `palette-${place}`, "data-href": hit.href, "aria-selected": "false" }, picture, words);
      if (!groups.has(hit.kind)) groups.set(hit.kind, made("div", { role: "group", "aria-label": hit.kind }, made("div", { class: "of", "aria-hidden": "true" }, hit.kind)));
      groups.get(hit.kind).append(option);
    });
    list.replaceChildren(...groups.values());
    list.scrollTop = 0;
    choose(found.length ? 0 : -1);
  }

  function choose(place) {
    const all = options();
    at = all.length ? (place + all.length) % all.length : -1;
    all.forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
    at < 0 ? field.removeAttribute("aria-activedescendant") : field.setAttribute("aria-activedescendant", all[at].id);
    if (at > 0) all[at].scrollIntoView({ block: "nearest" });
    else list.scrollTop = 0;
  }

  function open(option, apart) {
    if (!option) return;
    if (apart) return void window.open(option.dataset.href, "_blank");
    dialog.close();
    W.change(option.dataset.href);
  }

  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    const all = options();
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 8, all.length - 1), PageUp: Math.max(at - 8, 0) };
    if (event.key in steps) choose(steps[event.key]);
    else if (event.key === "Enter") open(all[at], event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  });
  const under = (event) => event.target.closest("[role=option]");
  // Under a pointer that rests while the list changes, nothing is chosen.
  list.addEventListener("pointermove", (event) => {
    const option = under(event);
    if (option && option.getAttribute("aria-selected") !== "true" && (event.movementX || event.movementY)) choose(options().indexOf(option));
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
  list.addEventListener("click", (event) => open(under(event), event.ctrlKey || event.metaKey));
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());

  W.palette = () => {
    if (dialog.open) return dialog.close();
    (document.querySelector("#stage") || document.body).append(dialog);
    field.value = shown = "";
    dialog.showModal();
    field.focus();
    look();
  };
})();

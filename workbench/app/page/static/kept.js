// What stays as it is when a pane is built again: what was unfolded, how far a list was scrolled, where the focus was.
(() => {
  "use strict";
  const unfolded = new Map(); // key of a <details> -> whether it is open
  const scrolled = new Map(); // key of a list -> how far
  const narrow = matchMedia("(max-width: 1080px)");
  let focused = null; // key of the list that has the focus

  const keyOf = (element) => (element.closest ? element.closest("[data-stay]") : null);

  // What is in a template is not decoded, drawn or read out before it is unfolded.
  function unfold(details) {
    const later = details.querySelector(":scope > template");
    if (later) later.replaceWith(later.content);
  }

  document.addEventListener(
    "toggle",
    (event) => {
      const details = event.target;
      if (details.tagName !== "DETAILS" || !("stay" in details.dataset)) return;
      if (details.open) unfold(details);
      if ("kept" in details.dataset) unfolded.set(details.dataset.stay, details.open);
    },
    true,
  );

  document.addEventListener(
    "scroll",
    (event) => {
      const list = event.target;
      if (list.matches && list.matches("nav[data-stay][data-kept]")) scrolled.set(list.dataset.stay, list.scrollTop);
    },
    { capture: true, passive: true },
  );

  document.addEventListener("focusin", (event) => {
    const list = keyOf(event.target);
    focused = list && list.matches("nav") ? list.dataset.stay : null;
  });
  document.addEventListener("pointerdown", (event) => keyOf(event.target) || (focused = null), true);

  function fold(details) {
    const key = details.dataset.stay;
    const known = unfolded.get(key);
    if (known !== undefined) details.open = known;
    else if (details.matches(".settings") && narrow.matches) details.open = false;
    if (details.open) unfold(details);
  }

  function show(list) {
    const here = list.querySelector("[aria-current=page]");
    if (scrolled.has(list.dataset.stay)) list.scrollTop = scrolled.get(list.dataset.stay);
    else if (here) list.scrollTop = here.offsetTop - list.offsetTop - list.clientHeight / 2;
    if (here && focused === list.dataset.stay && document.activeElement === document.body) here.focus({ preventScroll: true });
  }

  function keep() {
    for (const element of document.querySelectorAll("[data-stay]:not([data-kept])")) {
      if (element.tagName !== "DETAILS" && !element.offsetParent) continue; // its section is not shown yet
      element.dataset.kept = "";
      element.tagName === "DETAILS" ? fold(element) : show(element);
    }
  }
  new MutationObserver(keep).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("workbench:replied", keep);
  keep();
})();

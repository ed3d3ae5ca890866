// The query's field, the order, and histograms on which one clicks or drags; the query itself is written by Python.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.facets) return;
  W.facets = true;

  const fieldOf = (name) => (/^[\p{L}_][\p{L}\p{N}_.]*$/u.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`);
  const narrow = (hist, low, high) => {
    const range = low || high ? `${low}..${high}` : "";
    W.change(new URLSearchParams({ add: `${fieldOf(hist.dataset.field)}:${range}` }).toString());
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-where]");
    if (!form) return;
    event.preventDefault();
    W.change(new URLSearchParams({ where: form.elements.where.value.trim(), compute: "" }).toString());
  });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.matches("[data-order]")) {
      const down = (W.view().sort || "").startsWith("-");
      W.change(new URLSearchParams({ sort: field.value && `${down ? "-" : ""}${field.value}`, compute: "" }).toString());
    }
    const hist = field.matches("[data-end]") && field.closest(".hist");
    if (hist) narrow(hist, ...[...hist.querySelectorAll("[data-end]")].map((end) => end.value.trim()));
  });

  // ------------------------------------------------------------------ histograms
  let drag = null;
  function binAt(bars, event) {
    const area = bars.getBoundingClientRect();
    const count = bars.parentElement.dataset.lows.split("\t").length;
    return Math.min(count - 1, Math.max(0, Math.floor((count * (event.clientX - area.left)) / area.width)));
  }
  function shown(bars, first, last) {
    const hist = bars.parentElement;
    const [lows, highs] = [hist.dataset.lows.split("\t"), hist.dataset.highs.split("\t")];
    const range = bars.querySelector(".range");
    range.hidden = false;
    range.style.left = `${(100 * first) / lows.length}%`;
    range.style.width = `${(100 * (last - first + 1)) / lows.length}%`;
    const counts = hist.dataset.counts.split(",").slice(first, last + 1).reduce((sum, each) => sum + +each, 0);
    bars.title = `${lows[first] || "…"} to ${highs[last] || "…"}: ${counts.toLocaleString("en")} image${counts === 1 ? "" : "s"}`;
  }
  document.addEventListener("pointerdown", (event) => {
    const bars = event.target.closest(".hist .bars");
    if (!bars || event.button !== 0) return;
    const first = binAt(bars, event);
    drag = { bars, first, last: first };
    bars.setPointerCapture(event.pointerId);
    shown(bars, first, first);
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    const bars = drag ? drag.bars : event.target.closest && event.target.closest(".hist .bars");
    if (!bars) return;
    const bin = binAt(bars, event);
    if (drag) drag.last = bin;
    const [first, last] = drag ? [Math.min(drag.first, bin), Math.max(drag.first, bin)] : [bin, bin];
    shown(bars, first, last);
  });
  document.addEventListener("pointerup", () => {
    if (!drag) return;
    const hist = drag.bars.parentElement;
    const [first, last] = [Math.min(drag.first, drag.last), Math.max(drag.first, drag.last)];
    drag = null;
    narrow(hist, hist.dataset.lows.split("\t")[first], hist.dataset.highs.split("\t")[last]);
  });
  document.addEventListener("pointerout", (event) => {
    const bars = event.target.closest && event.target.closest(".hist .bars");
    if (bars && !drag) bars.querySelector(".range").hidden = true;
  });

  // ------------------------------------------------------------------ which groups are open stays so; narrow screens fold all
  const folded = {};
  document.addEventListener("click", (event) => {
    const group = event.target.closest("#main summary") && event.target.closest("details");
    if (group) folded[group.dataset.group || "facets"] = !group.open;
  }, true);
  function fold(changes) {
    if (changes && changes[0].target.closest(".rolls")) return; // tiles
    const side = document.querySelector("#main details.facets");
    if (!side) return;
    const put = (group, open) => group.open !== open && (group.open = open);
    put(side, "facets" in folded ? folded.facets : innerWidth > 860);
    for (const group of side.querySelectorAll("details[data-group]"))
      if (group.dataset.group in folded) put(group, folded[group.dataset.group]);
  }
  new MutationObserver(fold).observe(document.getElementById("main"), { childList: true, subtree: true });
  fold();
})();

// Figures: the picture of the page's theme, and links over the places of it that stand for images.
(() => {
  "use strict";
  let wide = false; // whether list and form have made way
  let tip = null; // what a place is
  const dark = () => document.body.classList.contains("dark");
  const theme = () => (dark() ? "dark" : "light");

  // ------------------------------------------------------------------ pictures
  // The button is there for figures that need it.
  function offer() {
    for (const button of document.querySelectorAll("[data-wide]")) {
      const sheet = button.closest(".chart").querySelector(".window");
      button.hidden = !wide && sheet.scrollWidth <= sheet.clientWidth;
    }
  }
  addEventListener("resize", offer);

  function fill() {
    if (wide) told();
    offer();
    for (const image of document.querySelectorAll("img[data-figure]")) if (image.dataset.theme !== theme()) show(image);
  }

  async function show(image) {
    const key = image.dataset.figure;
    const query = `?theme=${(image.dataset.theme = theme())}`;
    const sheet = image.closest(".sheet");
    const current = () => image.isConnected && query.endsWith(image.dataset.theme);
    sheet.closest(".chart").querySelector(".alone").href = `figure/${key}.png${query}`;
    const loaded = new Image();
    loaded.src = `figure/${key}.png${query}`;
    try {
      await loaded.decode();
    } catch {
      if (current()) image.src = loaded.src; // app.js says that it could not be drawn
      return;
    }
    if (!current()) return;
    image.src = loaded.src;
    image.width = loaded.naturalWidth;
    image.height = loaded.naturalHeight;
    sheet.style.width = `${loaded.naturalWidth}px`;
    sheet.classList.remove("loading");
    const answer = await fetch(`figure/${key}.json${query}`);
    if (answer.ok && current()) lay(sheet.querySelector(".spots"), await answer.json());
  }

  function lay(group, places) {
    const links = places.map(({ box, href, title, level }, number) => {
      const link = document.createElement("a");
      link.setAttribute("href", href);
      link.setAttribute("aria-label", title);
      link.tabIndex = number ? -1 : 0; // one stop for all; arrows go from place to place
      const [left, top, width, height] = box.map((side) => `${side}%`);
      Object.assign(link.style, { left, top, width, height, zIndex: level });
      return link;
    });
    group.replaceChildren(...links);
    group.hidden = !links.length;
  }

  new MutationObserver(fill).observe(document.body, { attributes: true, attributeFilter: ["class"], childList: true, subtree: true });
  fill();

  // ------------------------------------------------------------------ the list and the form make way for wide figures
  const told = () => document.querySelectorAll("[data-wide]").forEach((button) => button.setAttribute("aria-pressed", String(wide)));
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("[data-wide]")) return;
    wide = document.body.classList.toggle("wide");
    told();
    offer();
  });

  // ------------------------------------------------------------------ keyboard
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  document.addEventListener("keydown", (event) => {
    const link = event.target.closest && event.target.closest(".spots a");
    if (!link || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = [...link.parentElement.children];
    const next = event.key in STEPS ? nearest(link, all, STEPS[event.key]) : { Home: all[0], End: all[all.length - 1] }[event.key];
    if (!next) return;
    event.preventDefault();
    for (const each of all) each.tabIndex = each === next ? 0 : -1;
    next.focus();
  });

  function nearest(from, all, [x, y]) {
    const middle = (link) => [link.offsetLeft + link.offsetWidth / 2, link.offsetTop + link.offsetHeight / 2];
    const [left, top] = middle(from);
    let best = null;
    let least = Infinity;
    for (const link of all) {
      const [across, down] = [middle(link)[0] - left, middle(link)[1] - top];
      const [along, off] = x ? [across * x, Math.abs(down)] : [down * y, Math.abs(across)];
      if (along > 2 && along + 3 * off < least) [best, least] = [link, along + 3 * off];
    }
    return best;
  }

  // ------------------------------------------------------------------ what a place is, at once
  function tell(link) {
    if (tip) tip.remove();
    tip = null;
    if (!link) return;
    tip = document.createElement("div");
    tip.className = "spot-tip";
    tip.of = link;
    tip.setAttribute("aria-hidden", "true"); // the link is called so
    tip.textContent = link.getAttribute("aria-label");
    (document.querySelector("#stage") || document.body).append(tip);
    const at = link.getBoundingClientRect();
    const below = at.bottom + tip.offsetHeight + 8 < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${below ? at.bottom + 5 : Math.max(8, at.top - tip.offsetHeight - 5)}px`;
  }

  const spot = (event) => (event.target.closest ? event.target.closest(".spots a") : null);
  document.addEventListener("pointerover", (event) => spot(event) !== (tip ? tip.of : null) && tell(spot(event)));
  document.addEventListener("focusin", (event) => tell(spot(event) && event.target.matches(":focus-visible") ? spot(event) : null));
  document.addEventListener("keydown", (event) => event.key === "Escape" && tell(null));
  for (const kind of ["click", "scroll"]) document.addEventListener(kind, () => tell(null), true);
})();

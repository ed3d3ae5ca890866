// Beside the maps: the verdict, as soon as it is known, and the raw value under the pointer or the keyboard.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.maps) return;
  W.maps = true;

  // ------------------------------------------------------------------ verdicts
  const known = new Map(); // key of a map -> {badge, told, open, due}
  const waiting = '<b class="judging">being judged …</b><span></span>';
  const MORE = 1500; // milliseconds after which a verdict is asked for again of which more will be known

  function forget(map, keep) {
    for (const key of map.keys()) if (map.size > keep) map.delete(key);
  }

  function fill(box) {
    const said = known.get(box.dataset.verdict);
    const [badge, told] = [box.querySelector(".badge"), box.querySelector(".told")];
    if (!said) {
      if (box.said && !box.querySelector(".judging")) badge.innerHTML = waiting; // what stood here was of another map
      return;
    }
    // HTML of this server, as the panes are; written only where it changes, so that an open one stays as it is.
    if (badge.firstChild && box.said === said.badge && !box.querySelector(".judging")) return;
    box.said = said.badge;
    badge.innerHTML = said.badge;
    told.innerHTML = said.told;
  }

  function next() {
    const boxes = [...document.querySelectorAll("[data-verdict]")].filter((box) => box.offsetParent !== null);
    boxes.forEach(fill);
    const due = (box) => !known.has(box.dataset.verdict) || known.get(box.dataset.verdict).due <= performance.now();
    return boxes.find(due);
  }

  let asking = false;
  async function judge() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      for (let box = next(); box && !document.hidden; box = next()) {
        const key = box.dataset.verdict;
        const answer = await fetch(`/verdict/${encodeURIComponent(key)}`);
        const said = answer.ok ? await answer.json() : { badge: "<span></span>", told: "", open: false };
        if (!said.badge && document.body.classList.contains("asking")) break; // another image is on its way
        if (said.badge) known.set(key, { ...said, due: said.open ? performance.now() + MORE : Infinity });
        forget(known, 400);
      }
    } catch {
      // The page itself says when the workbench does not answer any more.
    } finally {
      asking = false;
    }
  }
  setInterval(judge, 500);
  document.addEventListener("workbench:shown", judge);

  // ------------------------------------------------------------------ raw values
  const values = new Map(); // key of a map -> promise of its values, row by row
  const tip = Object.assign(document.createElement("div"), { id: "value", hidden: true });
  const cell = Object.assign(document.createElement("div"), { id: "cell", hidden: true });
  tip.setAttribute("role", "status");
  document.body.append(cell, tip);
  let there = null; // the map that is looked at
  const pair = (text) => text.split(",").map(Number);

  function fetched(key) {
    if (!values.has(key))
      values.set(key, fetch(`/values/${encodeURIComponent(key)}`).then((answer) => {
        if (!answer.ok) throw new Error("not known any more");
        return answer.arrayBuffer();
      }).then((bytes) => new Float32Array(bytes)));
    forget(values, 64);
    return values.get(key);
  }

  const short = (value) => String(Number(value.toPrecision(5))).replace("-", "−");

  async function show(map, row, column, point) {
    // `row` and `column` of the image's pixels; what is told is the map's own value at that place.
    const { values: key, unit, layer } = map.dataset;
    const [[h, w], [H, Wide]] = [pair(map.dataset.grid), pair(map.dataset.pixels)];
    const [r, c] = [Math.floor((row * h) / H), Math.floor((column * w) / Wide)];
    there = map;
    let all;
    try {
      all = await fetched(key);
    } catch {
      values.delete(key);
      return hide();
    }
    if (there !== map || map.dataset.values !== key) return;
    const lines = [`row ${row}, column ${column} of ${H}×${Wide}`];
    if (h !== H || w !== Wide) lines.push(`${layer ? layer + " " : ""}cell ${r}, ${c} of ${h}×${w}`);
    const value = document.createElement("b");
    value.textContent = short(all[r * w + c]);
    const where = document.createElement("span");
    where.textContent = lines.join(" · ");
    tip.replaceChildren(value, ` ${unit}`, where);
    tip.hidden = cell.hidden = false;
    const box = map.getBoundingClientRect();
    Object.assign(cell.style, {
      left: `${box.left + (c * box.width) / w}px`, top: `${box.top + (r * box.height) / h}px`,
      width: `${box.width / w}px`, height: `${box.height / h}px`,
    });
    const x = point ? point.x + 14 : box.left + ((c + 0.5) * box.width) / w + 14;
    const y = point ? point.y + 16 : box.top + ((r + 1) * box.height) / h + 6;
    tip.style.left = `${Math.max(6, Math.min(x, innerWidth - tip.offsetWidth - 6))}px`;
    tip.style.top = `${y + tip.offsetHeight + 6 < innerHeight ? y : Math.max(6, (point ? point.y : box.top) - tip.offsetHeight - 10)}px`;
  }

  function hide() {
    there = null;
    tip.hidden = cell.hidden = true;
  }

  function onPointer(event) {
    const map = event.target.closest && event.target.closest("[data-values]");
    if (!map) return there && hide();
    const box = map.getBoundingClientRect();
    const [H, Wide] = pair(map.dataset.pixels);
    const within = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const point = { x: event.clientX, y: event.clientY };
    show(map, within((point.y - box.top) / box.height, H), within((point.x - box.left) / box.width, Wide), point);
  }
  document.addEventListener("pointermove", (event) => event.pointerType === "touch" || onPointer(event), { passive: true });
  document.addEventListener("pointerdown", (event) => event.pointerType === "touch" && onPointer(event), { passive: true });
  document.addEventListener("scroll", () => there && hide(), { passive: true, capture: true });

  // The keyboard goes from one value of the map to the next.
  const places = new WeakMap();
  function atKeyboard(map, step) {
    const [[h, w], [H, Wide]] = [pair(map.dataset.grid), pair(map.dataset.pixels)];
    const [r, c] = places.get(map) || [Math.floor(h / 2), Math.floor(w / 2)];
    const place = [Math.max(0, Math.min(h - 1, r + step[1])), Math.max(0, Math.min(w - 1, c + step[0]))];
    places.set(map, place);
    show(map, Math.min(H - 1, Math.floor(((place[0] + 0.5) * H) / h)), Math.min(Wide - 1, Math.floor(((place[1] + 0.5) * Wide) / w)));
  }
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-values]:focus-visible")) atKeyboard(event.target, [0, 0]);
  });
  document.addEventListener("focusout", (event) => event.target === there && hide());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !event.target.matches("[data-values]")) return;
    event.preventDefault();
    atKeyboard(event.target, step);
  });
})();

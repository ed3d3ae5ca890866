// Which images are selected, and which one the keyboard is at: by click, keys, and a frame drawn beside the images.
(() => {
  "use strict";
  const W = window.workbench;
  const G = W.images;
  if (W.choice) return;
  const C = (W.choice = {});
  const chosen = new Set(); // places among what was found
  let cursor = 0;
  let anchor = 0;

  C.size = () => chosen.size;
  C.cursor = () => cursor;
  // [[first, last], …] of what a mark is about: the selection, else the image at the cursor.
  C.ranges = () => {
    const places = chosen.size ? [...chosen].sort((a, b) => a - b) : [cursor];
    const found = [];
    for (const place of places) {
      const last = found[found.length - 1];
      if (last && last[1] === place - 1) last[1] = place;
      else found.push([place, place]);
    }
    return found;
  };

  C.paint = (tile, at) => {
    const on = chosen.has(at);
    if (tile.parts.check.checked !== on) tile.parts.check.checked = on;
    tile.classList.toggle("on", on);
    tile.classList.toggle("here", at === cursor);
    tile.parts.link.tabIndex = at === cursor ? 0 : -1;
  };

  function repaint() {
    for (let at = 0, all = G.box() ? G.box().querySelectorAll(".tile") : []; at < all.length; at += 1)
      if (!all[at].hidden) C.paint(all[at], all[at].at);
    tell();
  }

  function tell() {
    const bar = document.querySelector("#main .status .acts");
    if (!bar) return;
    bar.hidden = chosen.size === 0;
    const said = document.querySelector("#main .status [data-chosen]");
    const text = chosen.size ? ` · ${chosen.size.toLocaleString("en")} selected` : "";
    if (said.textContent !== text) said.textContent = text;
  }

  C.clear = () => {
    chosen.clear();
    repaint();
  };
  C.all = () => {
    for (let place = 0; place < G.count(); place += 1) chosen.add(place);
    repaint();
  };
  C.toggle = (place) => {
    chosen.has(place) ? chosen.delete(place) : chosen.add(place);
    anchor = cursor = place;
    repaint();
  };
  function upTo(place) {
    const [first, last] = [Math.min(anchor, place), Math.max(anchor, place)];
    for (let each = first; each <= last; each += 1) chosen.add(each);
    cursor = place;
    repaint();
  }
  C.go = (place, extend) => {
    const to = Math.min(Math.max(place, 0), G.count() - 1);
    if (to < 0) return;
    if (extend) upTo(to);
    else cursor = anchor = to;
    G.show(to);
    repaint();
    const tile = G.element(to);
    if (tile) tile.parts.link.focus({ preventScroll: true });
  };
  C.open = () => {
    const tile = G.tile(cursor);
    if (tile) W.change(`image=${tile.row}`);
  };

  // ------------------------------------------------------------------ the mouse
  let dragged = false;
  document.addEventListener("click", (event) => {
    const tile = event.target.closest("#main .tile");
    if (!tile) return;
    if (dragged) {
      dragged = false;
      return event.preventDefault(), event.stopPropagation();
    }
    if (event.target.closest("label")) {
      if (event.target.tagName !== "INPUT") return; // the click on its box follows
      event.shiftKey ? upTo(tile.at) : C.toggle(tile.at);
      event.target.checked = chosen.has(tile.at);
      return;
    }
    if (!event.target.closest("a")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) upTo(tile.at);
    else if (event.ctrlKey || event.metaKey) C.toggle(tile.at);
    else {
      cursor = anchor = tile.at;
      repaint();
      C.open();
    }
  }, true);

  let frame = null; // the frame that is being drawn
  document.addEventListener("pointerdown", (event) => {
    const box = event.target.closest("#main .rolls");
    if (!box || event.button !== 0 || event.pointerType === "touch" || event.target.closest("a, label")) return;
    if (event.offsetX > box.clientWidth && event.target === box) return; // its scroll bar
    const area = box.getBoundingClientRect();
    frame = { box, area, x: event.clientX - area.left, y: event.clientY - area.top + box.scrollTop, moved: false };
    frame.before = event.shiftKey || event.ctrlKey || event.metaKey ? new Set(chosen) : new Set();
    frame.shown = box.firstElementChild.appendChild(Object.assign(document.createElement("div"), { className: "frame" }));
    event.preventDefault();
    box.focus({ preventScroll: true });
  });
  document.addEventListener("pointermove", (event) => {
    if (!frame) return;
    const { box, area } = frame;
    const over = event.clientY - area.bottom + 20;
    const above = area.top + 20 - event.clientY;
    if (over > 0) box.scrollTop += Math.min(over, 40);
    if (above > 0) box.scrollTop -= Math.min(above, 40);
    const [x, y] = [event.clientX - area.left, event.clientY - area.top + box.scrollTop];
    const [left, top, right, bottom] = [Math.min(x, frame.x), Math.min(y, frame.y), Math.max(x, frame.x), Math.max(y, frame.y)];
    if (!frame.moved && right - left + bottom - top < 6) return;
    frame.moved = true;
    Object.assign(frame.shown.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
    chosen.clear();
    for (const place of [...frame.before, ...G.meets(left, top, right, bottom)]) chosen.add(place);
    repaint();
  });
  document.addEventListener("pointerup", () => {
    if (!frame) return;
    if (!frame.moved && !frame.before.size) C.clear();
    dragged = false;
    frame.shown.remove();
    frame = null;
  });

  // Another list of images: what was selected in the one before is not in this one.
  document.addEventListener("workbench:other", () => {
    chosen.clear();
    cursor = anchor = Math.min(cursor, Math.max(G.count() - 1, 0));
  });
  document.addEventListener("workbench:replied", () => setTimeout(repaint));
})();

// The grid of images: only what is seen is in the page. Tiles are asked for by range when they come into sight.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.images) return;
  const G = (W.images = {});
  let BLOCK = 60; // images of a request
  const AT_ONCE = 2; // requests on the way
  const KEPT = 40; // blocks that are kept
  const AT_A_TIME = 16; // tiles that are filled in one frame, so that scrolling goes on meanwhile
  const GAP = 8;
  const caption = () => ("compared" in box.dataset ? 52 : 36); // of a comparison with a line of the other model
  const SIZES = [48, 256];

  let box = null; // the scrolled element of the pane
  let shape = {}; // geometry: columns, cell, height of a row, size of a picture
  let blocks = new Map(); // number of a block -> its tiles, those asked for last at the end
  let asked = new Map(); // number of a block -> what ends its request
  let live = new Map(); // place -> element
  let spare = []; // elements without a place
  let frame = 0;
  let fetching = 0;
  let failed = "";

  G.key = () => (box ? box.dataset.key : "");
  G.count = () => (box ? +box.dataset.count : 0);
  G.tile = (place) => {
    const block = blocks.get(Math.floor(place / BLOCK));
    return block && block[place % BLOCK];
  };
  G.columns = () => shape.columns || 1;
  G.rows = () => (box ? Math.max(1, Math.floor(box.clientHeight / shape.row)) : 1);
  G.element = (place) => live.get(place);
  G.box = () => box;

  const wish = () => Math.min(SIZES[1], Math.max(SIZES[0], +(localStorage.getItem("workbench-size") || 112) || 112));
  const place = () => `workbench-scroll ${box.dataset.address}`;

  // ------------------------------------------------------------------ geometry
  function measure() {
    const width = box.clientWidth - 2 * GAP;
    const size = Math.min(wish(), Math.max(SIZES[0], Math.floor((width - GAP) / 2)));
    const columns = Math.max(1, Math.floor((width + GAP) / (size + GAP)));
    const cell = (width + GAP) / columns - GAP;
    const [height, wide] = [+box.dataset.height, +box.dataset.width];
    const longest = Math.max(height, wide);
    // As pictures.py draws: small images by whole multiples, large ones to fill the tile.
    const times = Math.floor(size / longest);
    const sharp = times >= 1 && (longest < 64 || times * longest >= 0.75 * size);
    const scale = sharp ? times : size / longest;
    shape = { size, columns, cell, row: size + caption() + GAP, sharp, width: wide * scale, height: height * scale };
    shape.box = longest < 64 ? 64 : [64, 128, 256].find((side) => side >= size);
    box.firstElementChild.style.height = `${Math.ceil(G.count() / columns) * shape.row + GAP}px`;
    box.style.setProperty("--size", `${size}px`);
  }

  // The place at a point of the grid, or the two ends of those that a frame meets.
  G.at = (x, y) => {
    const column = Math.floor((x - GAP) / (shape.cell + GAP));
    const row = Math.floor((y - GAP) / shape.row);
    return { column: Math.min(Math.max(column, 0), shape.columns - 1), row: Math.max(row, 0) };
  };
  G.meets = (left, top, right, bottom) => {
    const found = [];
    const [a, b] = [G.at(left, top), G.at(right, bottom)];
    for (let row = a.row; row <= b.row; row += 1)
      for (let column = a.column; column <= b.column; column += 1) {
        const place = row * shape.columns + column;
        const x = GAP + column * (shape.cell + GAP);
        const y = GAP + row * shape.row;
        const met = x < right && x + shape.cell > left && y < bottom && y + shape.row - GAP > top;
        if (met && place < G.count()) found.push(place);
      }
    return found;
  };

  // ------------------------------------------------------------------ what is seen
  function make() {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.setAttribute("role", "listitem");
    tile.innerHTML =
      '<a tabindex="-1" draggable="false"><img alt="" draggable="false"><span class="called"><span></span><b></b></span>' +
      '<span class="said"><i class="rt"></i><i class="ar"></i><i class="rp"></i><b></b></span>' +
      '<span class="said second" hidden><i>B</i><i class="ar"></i><i></i><b></b></span></a>' +
      '<label><input type="checkbox" tabindex="-1"></label><span class="marks"></span>';
    tile.parts = {
      link: tile.querySelector("a"),
      image: tile.querySelector("img"),
      head: tile.querySelector(".called span"),
      tail: tile.querySelector(".called b"),
      said: [...tile.querySelectorAll(".said:not(.second) i")],
      sure: tile.querySelector(".said b"),
      second: tile.querySelector(".second"),
      check: tile.querySelector("input"),
      marks: tile.querySelector(".marks"),
    };
    box.firstElementChild.append(tile);
    return tile;
  }

  let filled = 0; // tiles of this frame
  function fill(tile, at) {
    const { link, image, head, tail, said, sure, check, marks } = tile.parts;
    let known = G.tile(at);
    if (known && tile.known !== known && filled++ >= AT_A_TIME) {
      soon();
      if (!tile.fresh) return;
      known = undefined;
    }
    if (tile.known !== known || tile.fresh) {
      tile.fresh = false;
      tile.known = known;
      tile.classList.toggle("coming", !known);
      const name = known ? known.name : "";
      head.textContent = name.slice(0, -12); // its end stays legible
      tail.textContent = name.slice(-12);
      tile.classList.toggle("broken", Boolean(known && known.trouble));
      if (!known || !known.src) image.removeAttribute("src");
      else if (image.src !== known.src) image.src = known.src;
      const wrong = known && known.wrong;
      said[0].textContent = known ? known.label : "";
      said[0].className = wrong ? "rt" : "";
      said[1].textContent = wrong ? " → " : "";
      said[2].textContent = wrong ? known.predicted : "";
      sure.textContent = known && "sure" in known ? known.sure : "";
      sure.className = wrong ? "rp" : "";
      const other = known && known.second;
      tile.parts.second.hidden = !other;
      if (other) {
        const [, arrow, text, share] = tile.parts.second.children;
        arrow.textContent = other.wrong ? " → " : " ✓ ";
        text.textContent = other.predicted;
        text.className = share.className = other.wrong ? "rp" : "rt";
        share.textContent = other.sure;
      }
      const means = known && "sure" in known ? `, predicted ${known.predicted} ${known.sure} %${other ? `; B: predicted ${other.predicted} ${other.sure} %` : ""}` : "";
      link.title = known ? `${name}\nlabel ${known.label}${means}${known.tags ? `\ntags: ${known.tags.join(", ")}` : ""}${known.note ? `\n${known.note}` : ""}${known.trouble ? `\n${known.trouble}` : ""}` : "being loaded";
      link.dataset.name = name;
      check.setAttribute("aria-label", known ? `select ${name}` : "select");
      link.href = known ? hrefOf(known.row) : "#";
      paint(marks, known);
    }
    W.choice && W.choice.paint(tile, at);
  }

  function paint(marks, known) {
    if (marks.childElementCount) marks.replaceChildren();
    if (!known) return;
    for (const tag of (known.tags || []).slice(0, 4)) {
      const dot = document.createElement("i");
      dot.style.setProperty("--hue", [...tag].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7));
      dot.title = tag;
      marks.append(dot);
    }
    if (known.note) marks.append(Object.assign(document.createElement("u"), { title: known.note, textContent: "✎" }));
    if (known.correction) {
      const [action, ...label] = known.correction.split(" ");
      const text = action === "relabel" ? `→ ${label.join(" ")}` : action;
      marks.append(Object.assign(document.createElement("em"), { title: text, textContent: text, className: action }));
    }
  }

  function hrefOf(row) {
    const query = new URLSearchParams({ ...W.view(), image: row });
    return `?${query}`;
  }

  function draw() {
    frame = filled = 0;
    if (!box || !box.offsetParent) return;
    const first = Math.max(0, Math.floor((box.scrollTop - GAP) / shape.row) - 1) * shape.columns;
    const last = Math.min(G.count(), (Math.ceil((box.scrollTop + box.clientHeight) / shape.row) + 1) * shape.columns);
    for (const [at, tile] of live)
      if (at < first || at >= last) {
        live.delete(at);
        spare.push(tile);
      }
    for (let at = first; at < last; at += 1) {
      let tile = live.get(at);
      if (!tile) {
        tile = spare.pop() || make();
        tile.hidden = false;
        live.set(at, tile);
        const x = GAP + (at % shape.columns) * (shape.cell + GAP);
        const y = GAP + Math.floor(at / shape.columns) * shape.row;
        tile.style.transform = `translate(${x}px, ${y}px)`;
        tile.style.width = `${shape.cell}px`;
        tile.setAttribute("aria-posinset", at + 1);
        tile.setAttribute("aria-setsize", G.count());
        tile.at = at;
        tile.fresh = true;
        const { image } = tile.parts;
        image.width = Math.round(shape.width);
        image.height = Math.round(shape.height);
        image.className = shape.sharp ? "px" : "";
      }
      fill(tile, at);
    }
    for (const tile of spare) tile.hidden = true;
    want(first, last);
  }
  const soon = () => (frame = frame || requestAnimationFrame(draw));

  function redo() {
    // Everything anew: another size, other pictures.
    for (const tile of [...live.values(), ...spare]) tile.remove();
    live = new Map();
    spare = [];
    measure();
    draw();
  }

  // ------------------------------------------------------------------ tiles from the server
  let settle = 0;
  let lastTop = 0;
  function want(first, last) {
    clearTimeout(settle);
    // While one scrolls fast, what flies by is not asked for.
    const fast = Math.abs(box.scrollTop - lastTop) > box.clientHeight / 2;
    lastTop = box.scrollTop;
    if (fast) settle = setTimeout(soon, 90);
    else ask(first, last);
  }

  function ask(first, last) {
    const seen = [];
    for (let block = Math.floor(first / BLOCK); block * BLOCK < last; block += 1) seen.push(block);
    for (const [block, stop] of asked) if (!seen.includes(block)) stop.abort();
    for (const block of seen) {
      if (fetching >= AT_ONCE) return;
      if (!blocks.has(block) && !asked.has(block)) get(block);
    }
  }

  async function get(block, again = false) {
    const stop = new AbortController();
    const [key, size] = [G.key(), shape.box];
    asked.set(block, stop);
    fetching += 1;
    try {
      const count = Math.min(BLOCK, G.count() - block * BLOCK);
      const answer = await fetch(`images/tiles/${key}?first=${block * BLOCK}&count=${count}&box=${size}`, { signal: stop.signal });
      if (answer.status === 404) return forgotten(key);
      const found = await answer.json();
      if (key !== G.key() || size !== shape.box) return;
      if (asked.get(block) !== stop) return; // asked again meanwhile: that answer is newer
      if (!answer.ok) throw new Error(found.error);
      blocks.delete(block);
      blocks.set(block, found.tiles);
      while (blocks.size > KEPT) blocks.delete(blocks.keys().next().value);
      G.complain("");
    } catch (error) {
      if (error.name !== "AbortError") G.complain(error.message === "Failed to fetch" ? "The workbench does not answer; is it still running in its terminal?" : error.message);
    } finally {
      fetching -= 1;
      if (asked.get(block) === stop) asked.delete(block);
      if (!again && !failed) soon();
    }
  }

  let renewed = "";
  function forgotten(key) {
    // The server was started anew: the view is asked for again, once.
    if (renewed === key) return G.complain("This list of images is not kept any more; load the page again.");
    renewed = key;
    W.again();
  }

  G.complain = (text) => {
    failed = text;
    const line = document.querySelector("#main .status .found [data-chosen]");
    if (line && text) line.textContent = text;
  };

  // What was said about images is read again, without the pictures flickering.
  G.refresh = async () => {
    if (!box) return;
    const seen = new Set([...live.keys()].map((at) => Math.floor(at / BLOCK)));
    for (const block of [...blocks.keys()]) if (!seen.has(block)) blocks.delete(block);
    for (const block of seen) await get(block, true);
    soon();
  };

  // ------------------------------------------------------------------ size, scrolling, the pane itself
  G.show = (at) => {
    if (!box) return;
    const top = Math.floor(at / shape.columns) * shape.row;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + shape.row + GAP > box.scrollTop + box.clientHeight) box.scrollTop = top + shape.row + GAP - box.clientHeight;
    if (frame) cancelAnimationFrame(frame);
    draw();
  };

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-size]") || !box) return;
    localStorage.setItem("workbench-size", event.target.value);
    const middle = Math.floor(box.scrollTop / shape.row) * shape.columns;
    const before = shape.box;
    measure();
    if (shape.box !== before) blocks = new Map();
    box.scrollTop = Math.floor(middle / shape.columns) * shape.row;
    redo();
  });

  function fit() {
    if (!box || !box.offsetParent || !box.clientWidth) return;
    const top = +(sessionStorage.getItem(place()) || 0);
    const shown = box.shown;
    redo();
    if (!shown && top) box.scrollTop = top;
    box.shown = true;
    draw();
    if (inGrid && document.activeElement === document.body) W.choice.go(W.choice.cursor());
  }
  const resized = new ResizeObserver(fit);
  // Marks build the pane anew: the keyboard stays in the grid.
  let inGrid = false;
  document.addEventListener("focusin", (event) => (inGrid = Boolean(event.target.closest(".rolls"))));

  let mounted = ""; // the key whose images are shown
  function mount(changes) {
    const emptied = box && box.isConnected && live.size > 0 && box.firstElementChild.childElementCount === 0;
    if (changes && !emptied && box && changes[0].target !== box && box.contains(changes[0].target)) return; // tiles
    const slider = document.querySelector("#main [data-size]");
    if (slider && slider.value !== String(wish())) slider.value = wish();
    const found = document.querySelector("#main .rolls");
    // gradio changes the pane in place: the same box may have lost its tiles, or stand for other images.
    if (found === box && !emptied && (!box || box.dataset.key === mounted)) return;
    if (found !== box) {
      resized.disconnect();
      if (found) found.addEventListener("scroll", scrolled, { passive: true });
    }
    box = found;
    live = new Map();
    spare = [];
    if (!box || box.dataset.key !== mounted) {
      blocks = new Map();
      for (const stop of asked.values()) stop.abort();
      mounted = box ? box.dataset.key : "";
      if (box) box.shown = false;
      BLOCK = box && Math.max(+box.dataset.height, +box.dataset.width) > 128 ? 24 : 60; // photos are decoded for it
      document.dispatchEvent(new Event("workbench:other"));
    }
    if (!box) return;
    fit();
    resized.observe(box);
  }

  function scrolled() {
    if (!box || !box.offsetParent) return;
    if (box.shown) sessionStorage.setItem(place(), Math.round(box.scrollTop));
    soon();
  }

  // Hidden behind an image, a scrolled box forgets where it was.
  document.addEventListener("workbench:replied", () => {
    if (box && !box.offsetParent) box.shown = false;
    mount();
  });
  const look = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-key"] };
  new MutationObserver(mount).observe(document.getElementById("main"), look);
  mount();
})();

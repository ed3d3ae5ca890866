// The map of an answer: points on a canvas, drawn once and kept; a region is chosen by dragging, clicking or keys,
// and is part of the view, so that the server shows its images and Back takes it away.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.scatter) return;
  W.scatter = true;

  const CLICKED = 1 / 14; // half the side of the square around a click, as a share of the map
  const COLUMNS = 5;
  const fetched = new Map(); // key -> points, or null while they are on the way
  const layer = { canvas: document.createElement("canvas"), is: "" }; // the points as last drawn
  let drag = null; // {from, to} in pixels while a rectangle is being drawn
  let moved = null; // region that the keys move, before Enter chooses it

  const plot = () => document.querySelector(".plot[data-points]");
  const canvasOf = (box) => box.querySelector("canvas");
  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const regionOf = (box) => (box.dataset.region ? box.dataset.region.split(",").map(Number) : null);

  async function load(key) {
    if (fetched.has(key)) return;
    fetched.set(key, null);
    try {
      const answer = await fetch(`/points/${encodeURIComponent(key)}`);
      if (!answer.ok) throw new Error(answer.status);
      const content = await answer.arrayBuffer();
      const size = Number(answer.headers.get("X-Points"));
      const all = new Float32Array(content, 0, COLUMNS * size);
      const images = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4 * COLUMNS * size)));
      const [x, y, label, predicted, confidence] = Array.from({ length: COLUMNS }, (_, k) => all.subarray(k * size, (k + 1) * size));
      const ends = [x, y].map((axis) => axis.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]));
      fetched.set(key, { x, y, label, predicted, confidence, images, size, ends });
      later();
    } catch {
      fetched.delete(key); // asked for again when the answer is shown next
    }
  }

  // Where the points go: both axes at one scale, unless one is far longer than the other.
  function frame(points, width, height) {
    const spans = points.ends.map(([low, high]) => Math.max(high - low, 1e-6) * 1.08);
    let scales = [width / spans[0], height / spans[1]];
    if (Math.max(...scales) < 4 * Math.min(...scales)) scales = [Math.min(...scales), Math.min(...scales)];
    const middle = points.ends.map(([low, high]) => (low + high) / 2);
    return {
      to: (x, y) => [width / 2 + (x - middle[0]) * scales[0], height / 2 - (y - middle[1]) * scales[1]],
      from: (px, py) => [middle[0] + (px - width / 2) / scales[0], middle[1] - (py - height / 2) / scales[1]],
      span: [width / scales[0], height / scales[1]],
    };
  }

  // Points in groups of one colour, those to be seen last.
  function groups(points, box) {
    const ramps = JSON.parse(box.dataset.ramps);
    const all = [...Array(points.size).keys()];
    if (box.dataset.colour === "correct") {
      const wrong = all.filter((k) => points.label[k] !== points.predicted[k]);
      return [[colour("--dot"), all.filter((k) => points.label[k] === points.predicted[k])], [colour("--critical"), wrong]];
    }
    if (box.dataset.colour === "confidence") {
      const steps = 24;
      const parts = Array.from({ length: steps }, () => []);
      for (const k of all) parts[steps - 1 - Math.min(steps - 1, Math.floor(points.confidence[k] * steps))].push(k);
      return parts.map((part, k) => [mixed(ramps.confidence, 1 - (k + 0.5) / steps), part]);
    }
    // In turns, so that no class hides the others wholly.
    const turns = [];
    for (let start = 0; start < points.size; start += 500) {
      const some = {};
      for (let k = start; k < Math.min(start + 500, points.size); k += 1) (some[points.label[k]] = some[points.label[k]] || []).push(k);
      for (const [label, part] of Object.entries(some)) turns.push([ramps.class[label], part]);
    }
    return turns;
  }

  function mixed(stops, share) {
    const at = Math.max(0, Math.min(share, 1)) * (stops.length - 1);
    const [low, part] = [Math.min(Math.floor(at), stops.length - 2), at - Math.min(Math.floor(at), stops.length - 2)];
    const rgb = (stop) => [1, 3, 5].map((place) => parseInt(stop.slice(place, place + 2), 16));
    const [one, other] = [rgb(stops[low]), rgb(stops[low + 1])];
    return `rgb(${one.map((value, k) => Math.round(value + (other[k] - value) * part)).join(",")})`;
  }

  function show() {
    const box = plot();
    if (!box) return;
    const points = fetched.get(box.dataset.points);
    if (points === undefined) load(box.dataset.points);
    box.classList.toggle("loading", !points);
    if (!points) return;
    const canvas = canvasOf(box);
    const [width, height, dots] = [canvas.clientWidth, canvas.clientHeight, window.devicePixelRatio || 1];
    if (!width || !height) return;
    const [w, h] = [Math.round(width * dots), Math.round(height * dots)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const is = [box.dataset.points, box.dataset.colour, w, h, document.body.classList.contains("dark")].join();
    if (layer.is !== is) {
      layer.is = is;
      [layer.canvas.width, layer.canvas.height] = [w, h];
      const into = layer.canvas.getContext("2d");
      into.scale(dots, dots);
      into.globalAlpha = 0.85;
      const { to } = frame(points, width, height);
      const radius = Math.max(1.6, Math.min(4.5, 130 / Math.sqrt(points.size)));
      for (const [ink, part] of groups(points, box)) {
        into.fillStyle = ink;
        into.beginPath();
        for (const k of part) {
          const [px, py] = to(points.x[k], points.y[k]);
          into.moveTo(px + radius, py);
          into.arc(px, py, radius, 0, 2 * Math.PI);
        }
        into.fill();
      }
    }
    paint(box, points, canvas, dots);
  }

  function paint(box, points, canvas, dots) {
    const into = canvas.getContext("2d");
    into.setTransform(1, 0, 0, 1, 0, 0);
    into.clearRect(0, 0, canvas.width, canvas.height);
    into.drawImage(layer.canvas, 0, 0);
    into.scale(dots, dots);
    const { to } = frame(points, canvas.clientWidth, canvas.clientHeight);
    const region = moved || regionOf(box);
    let corners = null;
    if (drag) corners = [drag.from, drag.to];
    else if (region) corners = [to(region[0], region[1]), to(region[2], region[3])];
    if (!corners) return;
    const [left, right] = [corners[0][0], corners[1][0]].sort((a, b) => a - b);
    const [top, bottom] = [corners[0][1], corners[1][1]].sort((a, b) => a - b);
    into.strokeStyle = into.fillStyle = colour("--sel");
    into.lineWidth = 2;
    into.setLineDash(moved || drag ? [5, 4] : []);
    into.globalAlpha = 0.1;
    into.fillRect(left, top, right - left, bottom - top);
    into.globalAlpha = 1;
    into.strokeRect(left, top, right - left, bottom - top);
  }

  let waiting = false;
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      show();
    });
  }

  const choose = (region) => {
    moved = null;
    W.change(`_region=${region ? region.map((end) => Number(end.toPrecision(6))).join(",") : ""}`);
  };

  // ------------------------------------------------------------------ pointer
  const place = (event, canvas) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const ready = (canvas) => canvas && canvas.closest && canvas.matches(".plot canvas") && fetched.get(canvas.parentElement.dataset.points);

  document.addEventListener("pointerdown", (event) => {
    const canvas = event.target;
    if (!ready(canvas) || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    drag = { from: place(event, canvas), to: place(event, canvas) };
  });
  document.addEventListener("pointermove", (event) => {
    const canvas = event.target;
    if (drag && plot()) {
      drag.to = place(event, canvasOf(plot()));
      later();
    } else if (ready(canvas)) tip(canvas, place(event, canvas));
    else if (plot()) plot().querySelector(".tip").hidden = true;
  });
  document.addEventListener("pointerup", () => {
    const box = plot();
    if (!drag || !box) return;
    const points = fetched.get(box.dataset.points);
    const canvas = canvasOf(box);
    const view = frame(points, canvas.clientWidth, canvas.clientHeight);
    const far = Math.hypot(drag.to[0] - drag.from[0], drag.to[1] - drag.from[1]) > 5;
    const [one, other] = [view.from(...drag.from), view.from(...drag.to)];
    const [rx, ry] = view.span.map((side) => side * CLICKED);
    drag = null;
    choose(far ? [Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[0], other[0]), Math.max(one[1], other[1])] : [one[0] - rx, one[1] - ry, one[0] + rx, one[1] + ry]);
  });
  document.addEventListener("pointercancel", () => {
    drag = null; // the finger scrolls the page
    later();
  });

  const shortened = (name) => (name.length <= 48 ? name : `${name.slice(0, 16)}…${name.slice(-31)}`);

  function tip(canvas, [px, py]) {
    const box = canvas.parentElement;
    const points = fetched.get(box.dataset.points);
    const { to } = frame(points, canvas.clientWidth, canvas.clientHeight);
    let [best, near] = [-1, 10 * 10];
    for (let k = 0; k < points.size; k += 1) {
      const [x, y] = to(points.x[k], points.y[k]);
      const away = (x - px) ** 2 + (y - py) ** 2;
      if (away < near) [best, near] = [k, away];
    }
    const line = box.querySelector(".tip");
    line.hidden = best < 0;
    if (best < 0) return;
    const names = JSON.parse(box.dataset.names);
    const sure = `${(100 * points.confidence[best]).toFixed(0)} %`;
    const [label, said] = [names[points.label[best]], names[points.predicted[best]]];
    line.textContent = `${shortened(points.images[best])}: ${said} ${sure}${label === said ? "" : `, true ${label}`}`;
    line.style.left = `${Math.min(px + 12, Math.max(0, canvas.clientWidth - line.offsetWidth - 4))}px`;
    line.style.top = `${py > 40 ? py - 30 : py + 14}px`;
  }

  // ------------------------------------------------------------------ keyboard
  document.addEventListener("keydown", (event) => {
    const canvas = event.target;
    if (!ready(canvas)) return;
    const box = canvas.parentElement;
    const view = frame(fetched.get(box.dataset.points), canvas.clientWidth, canvas.clientHeight);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const middle = view.from(canvas.clientWidth / 2, canvas.clientHeight / 2);
    const now = moved || regionOf(box) || [0, 1, 0, 1].map((axis, k) => middle[axis] + (k < 2 ? -1 : 1) * view.span[axis] / 8);
    if (step) {
      const by = step.map((sign, axis) => (sign * view.span[axis]) / 24);
      const next = event.shiftKey ? [now[0] - by[0], now[1] - by[1], now[2] + by[0], now[3] + by[1]] : now.map((end, k) => end + by[k % 2]);
      if (next[0] < next[2] && next[1] < next[3]) moved = next;
      later();
    } else if (event.key === "Enter") choose(now);
    else if (event.key === "Escape" && (moved || regionOf(box))) choose(null);
    else return;
    event.preventDefault();
  });

  // ------------------------------------------------------------------ the pane was built again, resized, or turned dark
  document.addEventListener("workbench:shown", later);
  window.addEventListener("resize", later);
  const what = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-points", "data-colour", "data-region", "width", "height", "class"] };
  new MutationObserver((changes) => changes.some(({ target }) => target === document.body || !target.closest || !target.closest(".tip")) && later()).observe(document.body, what);
  later();
})();

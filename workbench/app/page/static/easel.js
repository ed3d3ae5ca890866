// Upload and canvas of the browser: exact pixels, no smoothing. What is drawn is sent as its H×W×C bytes.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.easel) return;
  W.easel = true;

  function complain(text) {
    const box = document.querySelector("#main .upload");
    if (!box) return;
    let line = box.parentElement.querySelector(".problem");
    if (!line) {
      line = document.createElement("p");
      line.className = "problem";
      line.setAttribute("role", "alert");
      box.before(line);
    }
    line.textContent = text;
  }

  function upload(file, limit) {
    if (!file) return;
    if (file.size > limit * 1024 * 1024) {
      complain(`An image may have at most ${limit} MB. This one has ${(file.size / 1024 / 1024).toFixed(1)} MB.`);
      return;
    }
    const reader = new FileReader();
    reader.onload = () => {
      W.send({ file: reader.result.split(",")[1] || "", name: file.name }, true, "push");
    };
    reader.onerror = () => complain("The file could not be read.");
    reader.readAsDataURL(file);
  }

  const canvas = { past: [], tool: "brush", stroke: null, seen: new WeakMap(), loaded: new WeakMap() };
  const board = () => document.querySelector("[data-canvas]");

  function load() {
    const box = board();
    if (!box) return;
    canvas.seen.set(box, box.dataset.pixels);
    if (canvas.stroke) return; // the stroke is sent when it ends, with all that is on the canvas
    if (canvas.loaded.get(box) === box.dataset.pixels) return;
    show(box, box.dataset.pixels);
    canvas.loaded.set(box, box.dataset.pixels);
  }

  // Put H×W×C bytes in base64 on a canvas, black where there are none.
  function show(box, text) {
    const [width, height, channels] = [box.width, box.height, +box.dataset.channels];
    const raw = atob(text);
    const image = new ImageData(width, height);
    for (let place = 0; place < width * height; place += 1) {
      for (let c = 0; c < 3; c += 1) image.data[4 * place + c] = raw ? raw.charCodeAt(channels * place + (channels === 3 ? c : 0)) : 0;
      image.data[4 * place + 3] = 255;
    }
    box.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
  }

  const context = () => board().getContext("2d", { willReadFrequently: true });
  const pixels = () => context().getImageData(0, 0, board().width, board().height);
  const remember = () => {
    canvas.past.push(pixels());
    if (canvas.past.length > 50) canvas.past.shift();
  };

  function undo() {
    const last = canvas.past.pop();
    if (!last) return;
    context().putImageData(last, 0, 0);
    explain();
  }

  function canvasTool(button) {
    const tool = button.dataset.tool;
    if (tool === "undo") undo();
    else if (tool === "clear") {
      remember();
      context().fillStyle = "#000";
      context().fillRect(0, 0, board().width, board().height);
      explain();
    } else {
      canvas.tool = tool;
      button.parentElement.querySelectorAll("[data-tool]").forEach(W.release);
      button.setAttribute("aria-pressed", "true");
    }
  }

  function ink(within = document) {
    const field = within.querySelector("[data-ink]");
    if (field.type !== "color") return [+field.value, +field.value, +field.value];
    return [1, 3, 5].map((at) => parseInt(field.value.slice(at, at + 2), 16));
  }

  function place(event, on = board()) {
    const box = on.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * on.width, ((event.clientY - box.top) / box.height) * on.height];
  }

  const brush = (within = document) => +within.querySelector("input[data-width]").value;
  W.canvas = { show, place, ink, brush }; // for edit.js

  function dab([x, y]) {
    // Exact pixels, no smoothing: what is seen is what the model gets.
    const size = brush();
    context().fillStyle = `rgb(${canvas.tool === "eraser" ? "0,0,0" : ink().join(",")})`;
    context().fillRect(Math.floor(x - (size - 1) / 2), Math.floor(y - (size - 1) / 2), size, size);
  }

  function line(from, to) {
    const steps = Math.max(1, Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let step = 0; step <= steps; step += 1) dab([0, 1].map((axis) => from[axis] + ((to[axis] - from[axis]) * step) / steps));
  }

  function explain() {
    const data = pixels().data;
    const channels = +board().dataset.channels;
    let raw = "";
    for (let at = 0; at < data.length; at += 4) for (let c = 0; c < channels; c += 1) raw += String.fromCharCode(data[at + c]);
    const text = btoa(raw);
    canvas.loaded.set(board(), text); // it is on the canvas already
    W.send({ pixels: text }, false, W.view().own ? "replace" : "push");
  }

  document.addEventListener("pointerdown", (event) => {
    if (!event.target.matches("[data-canvas]") || event.button !== 0) return;
    event.preventDefault();
    event.target.focus();
    event.target.setPointerCapture(event.pointerId);
    remember();
    canvas.stroke = place(event);
    dab(canvas.stroke);
  });
  document.addEventListener("pointermove", (event) => {
    if (!canvas.stroke || !board()) return;
    const to = place(event);
    line(canvas.stroke, to);
    canvas.stroke = to;
  });
  for (const kind of ["pointerup", "pointercancel"])
    document.addEventListener(kind, () => {
      if (!canvas.stroke) return;
      canvas.stroke = null;
      explain();
    });
  document.addEventListener("dragover", (event) => event.target.closest("#main") && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!event.target.closest("#main") || !document.querySelector("[data-upload]")) return;
    event.preventDefault();
    upload(event.dataTransfer.files[0], +document.querySelector("[data-upload]").dataset.limit);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-tool]");
    if (button) canvasTool(button);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-upload]")) upload(event.target.files[0], +event.target.dataset.limit);
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches("[data-canvas]") || !(event.ctrlKey || event.metaKey) || event.key !== "z") return;
    event.preventDefault();
    undo();
  });

  // The canvas is painted when its pane was built, whichever comes first: the answer or the element.
  document.addEventListener("workbench:painted", load);
  // While a drawing goes on the pane stays, so its attribute is older than the canvas: only a new one counts.
  const changed = () => board() && canvas.seen.get(board()) !== board().dataset.pixels && load();
  const what = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-pixels"] };
  new MutationObserver(changed).observe(document.body, what);
  load();
})();

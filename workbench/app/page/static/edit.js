// Changing an image: pointer and keys become a list of edits, which the server does and predicts on; one question at a
// time, the newest list wins. What is on the canvas is what came back: no pixel is computed here.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.edits) return;
  W.edits = true;

  const drafts = new Map(); // of each image: what was done, and what was undone
  let tool = "erase";
  let source = ""; // of swaps: key of the image that regions come from
  let pane = null; // the editor on screen
  let draft = null;
  let doing = null; // the edit whose pointer is down, or whose box waits for its second corner
  let cursor = [0, 0];
  let byKey = false; // whether the cursor was moved by keys last
  let [asking, stale] = [false, false];
  let search = null; // the search for the smallest change, while it goes on

  const board = () => pane.querySelector("[data-edited]");
  const over = () => pane.querySelector(".over");
  const find = (name) => pane.querySelector(`[${name}]`);
  const image = () => ({ part: pane.dataset.part, row: +pane.dataset.row });
  const AREAS = { paint: "stroke", erase: "stroke", blur: "stroke", hide: "box", swap: "box" };

  // ------------------------------------------------------------------ the pane comes, and comes anew
  function shown() {
    const there = document.querySelector("#detail .editor");
    if (!there) return search && search.stop.abort(), void (pane = draft = doing = null);
    const key = `${there.dataset.part}/${there.dataset.row}/${there.dataset.slot}`;
    const again = pane && pane.known === key; // built anew, for the same image
    pane = there;
    pane.known = key;
    if (again && draft) return press(), knobs(), paint(), buttons(), searching(), told(draft.told || "");
    if (search) search.stop.abort(); // it is for another image
    const given = JSON.parse(pane.dataset.edits);
    if (!drafts.has(key) || given.length) drafts.set(key, { edits: given, undone: [], seen: null });
    draft = drafts.get(key);
    doing = null;
    source = "";
    cursor = [Math.floor(board().width / 2), Math.floor(board().height / 2)];
    choose(tool);
    knobs();
    paint();
    buttons();
    if (draft.edits !== given) ask();
    if (board().getBoundingClientRect().bottom > innerHeight) pane.scrollIntoView();
  }

  function paint() {
    W.canvas.show(board(), draft.seen ? draft.seen.pixels : board().dataset.pixels);
    if (draft.seen) tell(draft.seen);
    mark();
  }

  // ------------------------------------------------------------------ asking
  const all = () => (doing && doing.edit ? [...draft.edits, doing.edit] : draft.edits);

  async function post(name, body, signal) {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`edits/${name}`, { method: "POST", headers, signal, body: JSON.stringify({ ...image(), ...body }) });
    const got = await answer.json();
    if (!answer.ok) throw new Error(got.error);
    return got;
  }

  async function ask() {
    stale = true;
    if (asking) return;
    asking = true;
    try {
      while (stale && pane) {
        stale = false;
        const [of, edits] = [draft, all()];
        const got = await post("predict", { edits });
        if (of !== draft || !pane) continue;
        draft.seen = got;
        paint();
        told("");
      }
    } catch (error) {
      told(error.message === "Failed to fetch" ? "The workbench does not answer." : error.message, true);
    } finally {
      asking = false;
    }
  }

  function tell(got) {
    find("data-said").textContent = got.said;
    pane.querySelector(".bars").innerHTML = got.bars;
    const verdict = pane.querySelector(".verdict");
    if (verdict.textContent !== got.verdict) verdict.textContent = got.verdict; // read aloud: only what is new
    verdict.classList.toggle("flipped", got.flipped);
  }

  function told(text, wrong = false) {
    const line = pane && find("data-told");
    if (!line || line.textContent === text) return;
    line.textContent = draft.told = text;
    line.classList.toggle("problem", wrong);
  }

  // ------------------------------------------------------------------ the list
  function add(edit) {
    draft.edits = [...draft.edits, edit];
    draft.undone = [];
    changed();
  }

  // A knob that is turned on, or an image that is moved on, is one edit.
  function more(op, change) {
    const last = draft.edits.at(-1);
    const edit = change(last && last.op === op ? { ...last } : { op });
    draft.edits = last && last.op === op ? [...draft.edits.slice(0, -1), edit] : [...draft.edits, edit];
    draft.undone = [];
    changed();
  }

  function changed() {
    buttons();
    ask();
  }

  function buttons() {
    const able = { undo: draft.edits.length, redo: draft.undone.length, reset: draft.edits.length, maps: draft.edits.length };
    for (const [name, can] of Object.entries(able)) pane.querySelector(`[data-edit=${name}]`).disabled = !can;
  }

  const acts = {
    undo() {
      if (doing) return void ((doing = null), ask(), mark());
      if (!draft.edits.length) return;
      draft.undone.push(draft.edits.at(-1));
      draft.edits = draft.edits.slice(0, -1);
    },
    redo() {
      if (draft.undone.length) draft.edits = [...draft.edits, draft.undone.pop()];
    },
    reset() {
      draft.undone = draft.edits.toReversed();
      draft.edits = [];
    },
    async flip() {
      if (search) return void search.stop.abort(); // the call ends, and with it the search
      const [of, mine] = [draft, { stop: new AbortController(), what: "Searching …", share: null }];
      search = mine;
      searching();
      const watch = setInterval(() => listen(mine), 400);
      let [said, wrong] = ["", false];
      try {
        const got = await post("flip", {}, mine.stop.signal);
        if (of === draft && got.found) (draft.edits = got.edits), (draft.undone = []), buttons(), await ask(), knobs();
        said = got.said;
      } catch (error) {
        wrong = error.name !== "AbortError";
        said = wrong ? error.message : "The search was stopped.";
      } finally {
        clearInterval(watch);
        search = null;
        if (pane) searching();
        if (of === draft) told(said, wrong);
      }
    },
    maps() {
      W.send({ pixels: (draft.seen || board().dataset).pixels }, true, "push");
    },
  };

  // How far the search is; its button stops it.
  async function listen(mine) {
    const state = await fetch(`edits/flip/status?${new URLSearchParams(image())}`).then((answer) => answer.json()).catch(() => null);
    if (!state || state.done || search !== mine) return;
    Object.assign(mine, { what: state.what || mine.what, share: state.share });
    searching();
  }

  function searching() {
    const [button, bar] = [pane.querySelector("[data-edit=flip]"), find("data-search")];
    button.textContent = search ? "Stop the search" : "Smallest change that flips it";
    button.classList.toggle("main", !search);
    bar.hidden = !search;
    if (!search) return;
    search.share === null ? bar.removeAttribute("value") : (bar.value = search.share);
    told(search.what);
  }

  // ------------------------------------------------------------------ tools
  function choose(name) {
    tool = name;
    doing = null;
    press();
    mark();
    if (tool === "swap" && !source) findSource();
  }

  function press() {
    for (const button of pane.querySelectorAll("[data-edit-tool]")) button.setAttribute("aria-pressed", String(button.dataset.editTool === tool));
  }

  async function findSource() {
    source = "";
    told("Looking for the nearest image …");
    try {
      const got = await post("source", { of: find("data-swap").value });
      source = got.source;
      told(got.said);
    } catch (error) {
      told(error.message, true);
    }
  }

  const cell = (event) => W.canvas.place(event, board()).map(Math.floor);
  const base = () => ({
    op: tool,
    ...(tool === "paint" ? { value: W.canvas.ink(pane).slice(0, +board().dataset.channels) } : {}),
    ...(tool === "swap" ? { source } : {}),
  });
  const box = ([a, b], [c, d]) => ({ ...base(), box: [Math.min(a, c), Math.min(b, d), Math.abs(a - c) + 1, Math.abs(b - d) + 1] });
  const stroke = (points) => ({ ...base(), stroke: points, width: W.canvas.brush(pane) });

  function begin(at) {
    if (tool === "swap" && !source) return; // it is being looked for
    doing = { from: at, last: at };
    if (AREAS[tool] === "stroke") doing.edit = stroke([at]);
    if (AREAS[tool] === "box") doing.edit = box(at, at);
    if (doing.edit) ask();
  }

  function go(at) {
    if (at[0] === doing.last[0] && at[1] === doing.last[1]) return;
    if (AREAS[tool] === "stroke") doing.edit = { ...doing.edit, stroke: [...doing.edit.stroke, at] };
    if (AREAS[tool] === "box") doing.edit = box(doing.from, at);
    if (tool === "move") shift(at[0] - doing.last[0], at[1] - doing.last[1]);
    doing.last = at;
    if (doing.edit) ask();
  }

  function end() {
    const edit = doing.edit;
    doing = null;
    if (edit) add(edit);
    mark();
  }

  const shift = (right, down) => more("move", (edit) => ({ ...edit, right: (edit.right || 0) + right, down: (edit.down || 0) + down }));

  // ------------------------------------------------------------------ the cursor, over the image
  function mark() {
    const [layer, under] = [over(), board()];
    const scale = layer.width / under.width;
    const pen = layer.getContext("2d");
    pen.clearRect(0, 0, layer.width, layer.height);
    const waits = doing && doing.keys ? doing.edit.box : null;
    if (tool === "move" || !(byKey || pane.matches(":has(.board:hover)") || waits)) return;
    const wide = AREAS[tool] === "stroke" ? W.canvas.brush(pane) : 1;
    const before = Math.floor((wide - 1) / 2);
    const [x, y, w, h] = waits || [cursor[0] - before, cursor[1] - before, wide, wide];
    for (const [colour, line] of [["#000", 5], ["#fff", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = line;
      pen.strokeRect(x * scale, y * scale, w * scale, h * scale);
    }
  }

  const mine = (event) => pane && event.target.closest && event.target.closest("#detail .editor") === pane;

  document.addEventListener("pointerdown", (event) => {
    if (!mine(event) || !event.target.matches("[data-edited]") || event.button !== 0) return;
    event.preventDefault();
    event.target.focus({ preventScroll: true });
    event.target.setPointerCapture(event.pointerId);
    byKey = false;
    cursor = cell(event);
    begin(cursor);
    mark();
  });
  document.addEventListener("pointermove", (event) => {
    if (!pane || !(doing || mine(event))) return;
    if (event.target.matches && event.target.matches("[data-edited]")) (cursor = cell(event)), (byKey = false);
    if (doing && !doing.keys) for (const each of event.getCoalescedEvents().length ? event.getCoalescedEvents() : [event]) go(cell(each));
    mark();
  });
  for (const kind of ["pointerup", "pointercancel"])
    document.addEventListener(kind, () => {
      if (pane && doing && !doing.keys) end();
    });
  document.addEventListener("pointerout", (event) => pane && event.target.matches && event.target.matches("[data-edited]") && mark());

  // ------------------------------------------------------------------ keys; before those of the images
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onCanvas(event) {
    const step = STEPS[event.key];
    if (step) {
      const far = event.shiftKey ? 5 : 1;
      byKey = true;
      if (tool === "move") return shift(step[0] * far, step[1] * far), true;
      const limit = [board().width, board().height];
      cursor = cursor.map((at, axis) => Math.max(0, Math.min(limit[axis] - 1, at + step[axis] * far)));
      if (doing && doing.keys) (doing.edit = box(doing.from, cursor)), ask();
      return mark(), true;
    }
    if (event.key === " " || event.key === "Enter") {
      byKey = true;
      if (AREAS[tool] === "stroke") dab();
      else if (tool !== "move") corner();
      return true;
    }
    return false;
  }

  function corner() {
    if (doing) return end();
    begin(cursor);
    if (doing) (doing.keys = true), mark();
  }

  // Dabs side by side are one stroke.
  function dab() {
    const last = draft.edits.at(-1);
    const next = stroke([cursor]);
    const end = last && last.stroke && last.stroke.at(-1);
    const same = end && JSON.stringify({ ...last, stroke: 0 }) === JSON.stringify({ ...next, stroke: 0 });
    if (!same || Math.max(Math.abs(end[0] - cursor[0]), Math.abs(end[1] - cursor[1])) > 1) return add(next);
    draft.edits = [...draft.edits.slice(0, -1), { ...last, stroke: [...last.stroke, cursor] }];
    changed();
  }

  document.addEventListener(
    "keydown",
    (event) => {
      if (!pane || document.querySelector("dialog[open], [popover]:popover-open")) return;
      const typing = event.target.matches("input[type=text], textarea");
      const command = event.ctrlKey || event.metaKey;
      let done = false;
      if (event.key === "Escape") {
        if (doing) (doing = null), mark(), ask();
        else pane.querySelector("header button").click();
        done = true;
      } else if (command && !typing && "zy".includes(event.key.toLowerCase())) {
        act(event.shiftKey || event.key === "y" ? "redo" : "undo");
        done = true;
      } else if (!command && event.target.matches("[data-edited]")) done = onCanvas(event);
      if (done) event.preventDefault(), event.stopPropagation();
    },
    true,
  );

  function act(name) {
    acts[name]();
    if (name in { undo: 0, redo: 0, reset: 0 } && pane) knobs(), changed();
  }

  // ------------------------------------------------------------------ buttons, knobs, notes
  document.addEventListener("click", (event) => {
    if (!mine(event)) return;
    const button = event.target.closest("button");
    if (!button || button.disabled) return;
    if ("editTool" in button.dataset) choose(button.dataset.editTool);
    else if ("edit" in button.dataset) act(button.dataset.edit);
    else if ("forget" in button.dataset) W.marks.done(W.marks.post("edits/forget", { ...image(), slot: button.dataset.forget }), true);
  });

  // What the knobs show is what the last edit says, where it is theirs.
  function knobs() {
    const last = draft.edits.at(-1) || {};
    const of = { degrees: last.op === "rotate" ? last.degrees || 0 : 0, brightness: 0, contrast: 100 };
    if (last.op === "light") (of.brightness = 100 * (last.brightness || 0)), (of.contrast = 100 * (last.contrast ?? 1));
    pane.querySelectorAll("[data-knob]").forEach((field) => {
      field.value = of[field.dataset.knob];
      say(field);
    });
  }
  const say = (field) => {
    const line = field.parentElement.querySelector("output");
    line.textContent = `${Math.round(+field.value)}${line.dataset.unit}`;
  };

  document.addEventListener("input", (event) => {
    if (!mine(event) || !("knob" in event.target.dataset)) return;
    const field = event.target;
    say(field);
    const name = field.dataset.knob;
    if (name === "degrees") more("rotate", () => ({ op: "rotate", degrees: +field.value }));
    else more("light", (edit) => ({ ...edit, [name]: +field.value / 100 }));
  });
  document.addEventListener("change", (event) => {
    if (mine(event) && event.target.matches("[data-swap]")) findSource();
  });
  document.addEventListener("submit", (event) => {
    if (!mine(event) || !event.target.matches("[data-keep]")) return;
    event.preventDefault();
    const field = event.target.elements.note;
    W.marks.done(W.marks.post("edits/keep", { ...image(), edits: draft.edits, note: field.value }), true);
    field.value = "";
  });

  document.addEventListener("workbench:shown", shown);
  document.addEventListener("workbench:replied", () => pane && !pane.isConnected && shown());
  shown();
})();

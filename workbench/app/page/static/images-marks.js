// What is said about images: keys and buttons, the question before it, sending it, what other pages said.
(() => {
  "use strict";
  const W = window.workbench;
  const [G, C] = [W.images, W.choice];
  if (W.marks) return;
  W.marks = { done: (call, undo) => done(call, undo), post: (path, body) => post(path, body), say: (text) => say(text, true) };
  const ASKED = ["tag", "untag", "note", "relabel", "export", "save-set", "help"];
  const POLL = 2500;
  const MOST_COMPARED = 12;

  // This page's name in the journal; a reload keeps it, so that it can undo what it said before.
  let name = sessionStorage.getItem("workbench-page");
  if (!name) sessionStorage.setItem("workbench-page", (name = `p-${Math.random().toString(36).slice(2, 10)}`));

  const inside = () => W.view() && W.view().section === "images";
  const opened = () => document.body.hasAttribute("data-open");
  const about = () => document.querySelector("#detail .dossier");

  // The card of a work list: its image is there before its maps are.
  const card = () => (opened() ? document.querySelector("#work .workcard[data-key]") : null);

  // Which images are meant: the open one, else the selection, else the one at the cursor.
  function meant() {
    if (card()) return { key: card().dataset.key, places: [[+card().dataset.place, +card().dataset.place]] };
    if (opened()) return about() ? { key: about().dataset.key, places: [[+about().dataset.place, +about().dataset.place]] } : null;
    return G.count() ? { key: G.key(), places: C.ranges() } : null;
  }
  function whom() {
    if (opened()) return document.querySelector("#detail h2").textContent;
    if (C.size()) return `${C.size().toLocaleString("en")} selected image${C.size() === 1 ? "" : "s"}`;
    const tile = G.tile(C.cursor());
    return tile ? tile.name : "no image";
  }

  // ------------------------------------------------------------------ sending
  async function post(path, body) {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify({ ...body, page: name }) });
    if (!answer.ok) throw new Error((await answer.json()).error);
    return answer;
  }

  let fading = 0;
  function say(text, wrong, undo) {
    let line = document.getElementById("said");
    if (!line) {
      line = document.createElement("div");
      line.id = "said";
      line.setAttribute("role", "status");
      line.setAttribute("aria-live", "polite");
      (document.getElementById("stage") || document.body).append(line);
    }
    line.replaceChildren(document.createTextNode(text));
    line.className = wrong ? "wrong" : "";
    if (undo) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Undo" });
      button.dataset.do = "undo";
      line.append(button);
    }
    line.hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => (line.hidden = true), wrong ? 12000 : 7000);
  }

  async function done(call, undo) {
    try {
      const answer = await (await call).json();
      say(answer.said, false, undo);
      changed();
    } catch (error) {
      say(error.message === "Failed to fetch" ? "The workbench does not answer; nothing was written." : error.message, true);
    }
  }

  // What is shown of marks is read again; of an open image all that is known.
  function changed() {
    G.refresh();
    W.again();
  }

  const DECIDES = ["accept", "skip", "relabel", "keep", "drop"];
  let deciding = false; // one image is decided at a time: a key that is held does not decide the next one too
  async function decide(action, value) {
    if (deciding) return;
    deciding = true;
    try {
      const answer = await (await post("images/mark", { ...meant(), action, value })).json();
      last = Math.max(last, answer.last);
      say(answer.said, false, true);
      G.refresh();
      if (answer.next === null || answer.next === undefined) W.again();
      else W.change(`image=${answer.next}`, "replace");
    } catch (error) {
      say(error.message === "Failed to fetch" ? "The workbench does not answer; nothing was written." : error.message, true);
      deciding = false;
    }
  }
  document.addEventListener("workbench:replied", () => (deciding = false));

  function acceptAll(button) {
    const head = button.closest("[data-key]");
    const words = `${button.textContent.trim()} suggested labels, without looking at them? One undo takes them back.`;
    if (window.confirm(words)) done(post("images/mark", { key: head.dataset.key, places: [[0, +button.dataset.count - 1]], action: "accept" }), true);
  }

  const mark = (action, value = "") => meant() && card() && DECIDES.includes(action) ? decide(action, value) : meant() && done(post("images/mark", { ...meant(), action, value }), true);
  const undo = (redo) => done(post("images/undo", redo ? { redo } : {}), false);

  async function save(form) {
    if (!meant()) return;
    try {
      const answer = await post("images/export", { ...meant(), form });
      const file = URL.createObjectURL(await answer.blob());
      const called = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))[1];
      Object.assign(document.createElement("a"), { href: file, download: called }).click();
      setTimeout(() => URL.revokeObjectURL(file), 60000);
    } catch (error) {
      say(error.message, true);
    }
  }

  async function explain() {
    // The first one with its maps, within exactly these.
    try {
      const { set, image } = await (await post("images/set", meant())).json();
      W.change(new URLSearchParams({ set, where: "", sort: "", image }).toString());
    } catch (error) {
      say(error.message, true);
    }
  }

  async function compare() {
    // Their maps by several methods, image below image: as many as a figure holds.
    try {
      const { set } = await (await post("images/set", meant())).json();
      const rows = set.replace("rows/", "").split(",").slice(0, MOST_COMPARED).join(",");
      W.change("?" + new URLSearchParams({ section: "attribution-gallery", rows }));
    } catch (error) {
      say(error.message, true);
    }
  }

  // ------------------------------------------------------------------ asking first
  function ask(action) {
    const dialog = document.getElementById(`images-${action}`);
    if (!dialog) return;
    const line = dialog.querySelector("[data-whom]");
    if (line) line.textContent = whom();
    dialog.showModal();
    const field = dialog.querySelector("[name=value]");
    if (!field) return;
    if (field.tagName === "INPUT") field.select();
    field.focus();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-mark]");
    if (!form) return;
    event.preventDefault();
    const action = form.dataset.mark;
    const value = form.elements.value ? form.elements.value.value : "";
    if (form.elements.value && form.elements.value.required && !value.trim()) return form.elements.value.focus();
    form.closest("dialog").close();
    if (action === "export") save(value);
    else if (action !== "help") mark(action, value);
  });

  // Enter in a list, too, and Ctrl-Enter in a note, is the answer.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.closest("form[data-mark]")) return;
    const ends = event.target.tagName === "SELECT" || (event.target.tagName === "TEXTAREA" && (event.ctrlKey || event.metaKey));
    if (ends) event.preventDefault(), event.target.form.requestSubmit();
  });

  function act(action) {
    if (action === "undo") undo(false);
    else if (action === "all") C.all();
    else if (action === "unselect") C.clear();
    else if (action === "explain") explain();
    else if (action === "compare") compare();
    else if (ASKED.includes(action)) ask(action);
    else mark(action);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do], button[data-close]");
    if (!button || button.disabled) return;
    if ("close" in button.dataset) button.closest("dialog").close();
    else if (button.dataset.do === "accept-all") acceptAll(button);
    else act(button.dataset.do);
  });

  // ------------------------------------------------------------------ keys
  const LETTERS = { t: "tag", n: "note", r: "relabel", d: "drop", u: "undo", e: "export", "?": "help" };
  document.addEventListener("keydown", (event) => {
    if (!inside() || event.defaultPrevented || event.altKey) return;
    const field = event.target.closest("input:not([type=checkbox]):not([type=range]), textarea, select, dialog, [popover]");
    if (field) {
      if (event.key === "Escape" && field.id === "images-where") field.blur();
      return;
    }
    const key = event.key;
    const done = () => event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      if (key.toLowerCase() === "a" && !opened() && G.count()) done(), C.all();
      return;
    }
    if (key === "/") {
      const where = document.getElementById("images-where");
      if (where && !opened()) done(), where.focus(), where.select();
    } else if (works(event, done)) return;
    else if (key in LETTERS) done(), act(LETTERS[key]);
    else if (opened()) step(key, done);
    else if (G.count()) move(event, done);
  });

  // Keys of a work list; Enter on a button, a link or a map is theirs.
  function works(event, done) {
    const key = { Enter: "accept", s: "skip", y: "keep" }[event.key];
    if (!key || !card() || (event.key === "Enter" && event.target.closest("a, button, summary, [tabindex]"))) return false;
    done();
    if (event.repeat) return true;
    const button = key === "accept" && document.querySelector("#work [data-do=accept]");
    if (!button || !button.disabled) act(key);
    return true;
  }

  function step(key, done) {
    const way = { j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1 }[key];
    if (key === "Escape") done(), document.querySelector("#detail [data-back]").click();
    const button = way && document.querySelector(`#detail [data-step="${way}"]`);
    if (button && !button.disabled && !document.activeElement.closest("input, canvas, .maps, .pr")) done(), button.click();
  }

  function move(event, done) {
    const [at, wide] = [C.cursor(), G.columns()];
    const page = wide * G.rows();
    const steps = { j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide, PageDown: page, PageUp: -page, Home: -at, End: G.count() };
    const on = event.target.closest(".rolls") || event.target === document.body || /^[jk]$/.test(event.key);
    if (event.key in steps && on) done(), C.go(at + steps[event.key], event.shiftKey);
    else if (event.key === "x") done(), C.toggle(at);
    else if (event.key === "Enter" && event.target.closest(".rolls")) done(), C.open();
    else if (event.key === "Escape" && C.size()) done(), C.clear();
  }

  // ------------------------------------------------------------------ what others say meanwhile
  // How far the journal was asked. An answer to this page says nothing of it: what the grid shows may be older than that.
  let last = null;
  async function poll() {
    const line = document.querySelector("#main .status");
    if (!inside() || document.hidden || !line || document.querySelector("dialog[open]")) return;
    if (document.activeElement.closest("#main :is(input[type=search], input[type=text])")) return;
    if (last === null) last = +line.dataset.last || 0;
    const answer = await fetch(`images/changes?since=${last}&page=${name}`).catch(() => null);
    if (!answer || !answer.ok) return;
    const found = await answer.json();
    if (found.last <= last) return;
    last = found.last;
    if (!found.said.length) return;
    say(found.said[0], false);
    changed();
  }
  setInterval(poll, POLL);
})();

// The browser's side of the page. Panes are plain HTML from Python; here are one delegated listener for all of
// them, the address bar, the keyboard, progress, and the drawing canvas. No data of the user is ever run as code.
(() => {
  "use strict";
  if (window.workbench && window.workbench.attach) return;

  const W = (window.workbench = {});
  const OWN = ["start", "errors", "images", "compare", "retrain", "own"]; // sections that are no analysis
  const panes = {}; // name -> {element, trigger}
  let view = null; // the view on screen, as the server settled it
  let wanted = null; // the view asked for, while its answer is on the way
  let sent = null; // an image of the user's own, to be sent with the next question
  let clicks = 0; // which question the answer belongs to
  let force = false; // whether every pane is to be built again
  let history = "push"; // what the next answer does with the address: push, replace, or leave
  let lastImage = null; // row of the image last looked at
  let page = ""; // how the server calls this page
  let target = window.history.state && window.history.state.y; // where Back scrolls to, as soon as there is so much
  window.history.scrollRestoration = "manual";

  // ------------------------------------------------------------------ asking and being answered
  const any = () => panes.bar || Object.values(panes)[0];
  const queryOf = (text) => Object.fromEntries(new URLSearchParams(text));

  function change(query, how) {
    // A query that begins with "?" is a whole view; any other changes some keys, an empty value takes one away.
    const base = query.startsWith("?") ? {} : { ...(wanted || view || {}) };
    for (const [key, value] of new URLSearchParams(query)) value === "" ? delete base[key] : (base[key] = value);
    wanted = base;
    ask(how);
  }

  function ask(how = "push") {
    clicks += 1;
    history = how;
    if (how === "push") remember(), (target = null);
    document.body.classList.add("asking");
    any().trigger("select");
  }

  W.ask = () => ({ view: wanted || view || queryOf(location.search), old: force ? null : view, sent, count: clicks });
  W.shown = (name) => {
    panes[name].sent = panes[name].asked;
    return view;
  };

  // What easel.js calls with a drawing or a file; how: what becomes of the address.
  W.send = (image, again, how) => {
    sent = image;
    force = force || again;
    wanted = { ...(wanted || view), section: "own" };
    ask(how);
  };

  W.view = () => view;
  // What a part of the page has shown by itself: it is part of the view, and of the address, and nothing is asked.
  W.note = (query, how) => {
    for (const [key, value] of new URLSearchParams(query)) for (const each of [view, wanted]) if (each) value === "" ? delete each[key] : (each[key] = value);
    if (how === "push") remember(), (target = null);
    history = how;
    address("?" + new URLSearchParams(view), view);
  };
  W.again = () => ((force = true), ask("replace"));
  W.change = change;
  W.release = (button) => button.setAttribute("aria-pressed", "false");

  W.reply = (answer) => {
    if (!answer) return;
    const latest = answer.count === clicks;
    page = answer.page;
    const before = view;
    view = answer.view;
    document.body.dataset.section = OWN.includes(view.section) ? view.section : "analysis";
    const shut = !document.body.toggleAttribute("data-open", view.section === "images" && "image" in view);
    W.need(document.body.dataset.section);
    if (view.edit) W.need("edit");
    if (view.section === "errors" && "image" in view) lastImage = view.image;
    if (!latest) return; // a newer question is on its way; its answer brings address and slow panes
    wanted = null;
    sent = null;
    force = false;
    document.body.classList.remove("asking");
    address(answer.url, before);
    if (answer.painted) document.dispatchEvent(new Event("workbench:painted"));
    document.dispatchEvent(new Event("workbench:replied"));
    const other = before && (before.section !== view.section || (view.section === "images" && shut === "image" in before));
    if (target === null && other) window.scrollTo(0, 0);
    scrollBack();
    for (const name of answer.slow) fire(name);
    if (!before && new URLSearchParams(location.search).get("view") === "api") W.api(), setTimeout(W.api, 200);
  };

  // gradio opens its page of the API at a click alone: a link to it has to be closed first.
  W.api = () => document.querySelector("footer .show-api").click();

  function address(url, before) {
    // gradio's own keys stay: dark or light, and whether its page of the API lies over this one.
    const asked = new URLSearchParams(location.search);
    const kept = ["__theme", "view"].map((key) => [key, asked.get(key)]);
    const whole = kept.reduce((text, [key, value]) => (value ? `${text}&${key}=${encodeURIComponent(value)}` : text), url);
    // The first view is settled in place: Back must leave the page, not go from a view to itself.
    if (whole !== location.search && history !== "leave")
      window.history[before && history === "push" ? "pushState" : "replaceState"](before && history === "push" ? null : window.history.state, "", whole);
    document.title = `${titleOf()} – Workbench`;
    history = "push";
  }

  // Where one was on a page that one left: Back shows the same part of it, though its panes come one after the other.
  const remember = () => window.history.replaceState({ ...window.history.state, y: window.scrollY }, "");
  function scrollBack() {
    if (!(target > 0)) return void (target = null);
    window.scrollTo(0, target);
    if (Math.abs(window.scrollY - target) < 2) target = null;
  }
  new ResizeObserver(() => target !== null && scrollBack()).observe(document.documentElement);
  for (const kind of ["wheel", "pointerdown", "keydown", "touchstart"])
    window.addEventListener(kind, () => (target = null), { passive: true, capture: true });

  // Scripts and style that a section needs besides, when it is first looked at: in their order, each once.
  const asked = new Map(); // address -> when it is there
  const later = JSON.parse(document.currentScript.dataset.later);
  function fetched(address) {
    if (!asked.has(address)) asked.set(address, new Promise((there) => {
      const style = address.includes(".css");
      const part = document.createElement(style ? "link" : "script");
      part.onload = part.onerror = there;
      if (style) part.rel = "stylesheet";
      part.async = false;
      part[style ? "href" : "src"] = address;
      document.head.append(part);
    }));
    return asked.get(address);
  }
  W.need = (part) => Promise.all((later[part] || []).map(fetched)).then(() => document.body.setAttribute(`data-has-${part}`, ""));
  W.find = () => W.need("find").then(() => W.palette());

  const titleOf = () => {
    const heading = document.querySelector("#bar [aria-current=page]");
    const listed = document.querySelector("#analyses [aria-current=page]");
    return OWN.includes(view.section) && heading ? heading.textContent.trim() : listed ? listed.textContent : view.section;
  };

  function fire(name) {
    const box = panes[name];
    if (!box) return;
    box.asked = clicks;
    // What is there stays until the new one comes; only a slow one is dimmed.
    clearTimeout(box.dim);
    box.dim = setTimeout(() => document.getElementById(name).classList.add("busy"), 120);
    clearInterval(box.note);
    const asked = performance.now();
    box.note = name === "detail" && setInterval(() => performance.now() - asked > 1200 && note(), 400);
    box.trigger("submit");
  }

  W.settled = (name) => {
    const box = panes[name];
    if (box.sent !== box.asked) return; // a newer question is on its way
    clearTimeout(box.dim);
    clearInterval(box.note);
    const pane = document.getElementById(name);
    pane.classList.remove("busy");
    pane.removeAttribute("data-note");
    document.dispatchEvent(new Event("workbench:shown"));
  };

  // Asking how far something is also says that this page still waits for it; what nobody waits for is stopped.
  async function status(key) {
    const answer = await fetch(`/status/${encodeURIComponent(key)}?page=${encodeURIComponent(page)}&hidden=${document.hidden}`);
    return answer.json();
  }

  window.addEventListener("pagehide", () => {
    remember();
    if (!page) return;
    const headers = { "Content-Type": "application/json" };
    fetch(`/left/${encodeURIComponent(page)}`, { method: "POST", keepalive: true, headers, body: "{}" });
  });

  async function note() {
    // Maps that take long say how far they are.
    const pane = document.getElementById("detail");
    const state = await status(`maps-${page}`).catch(() => ({ what: "" }));
    if (pane.classList.contains("busy")) pane.dataset.note = state.what || "Computing …";
  }

  // gradio closes the stream of its answers when none is due, also where a question was asked a moment before: that
  // answer then waits on the server until another question opens the stream again. So whoever waits asks nothing, aloud.
  let since = 0; // when the waiting began
  function listen() {
    if (!document.querySelector("body.asking, .busy")) return void (since = 0);
    since = since || performance.now();
    if (performance.now() - since < 1000) return;
    since = performance.now();
    panes.bar.trigger("release");
  }
  setInterval(listen, 250);

  window.addEventListener("popstate", (event) => {
    target = (event.state && event.state.y) || null;
    wanted = queryOf(location.search);
    ask("leave");
  });

  // ------------------------------------------------------------------ clicks and fields
  function onClick(event) {
    const link = event.target.closest("a[href^='?']");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      closeMenus();
      change(link.getAttribute("href"));
      return;
    }
    const button = event.target.closest("button");
    if (!button || button.disabled) return;
    if ("go" in button.dataset) {
      const group = button.closest("table, .grid, .seg, .chips, ol");
      if (group && button.hasAttribute("aria-pressed")) {
        const scope = group.matches("table, .chips") ? document.getElementById("matrix") : group;
        scope.querySelectorAll("table [aria-pressed=true], .chips [aria-pressed=true]").forEach(W.release);
        group.querySelectorAll("[aria-pressed=true]").forEach(W.release);
        button.setAttribute("aria-pressed", "true");
      }
      change(button.dataset.go, button.dataset.how);
      if (button.closest(".grid") && innerWidth <= 700) document.getElementById("detail").scrollIntoView();
    } else if ("api" in button.dataset) W.api();
    else if ("find" in button.dataset) W.find();
    else if ("start" in button.dataset) change(`own=&invert=&start=${lastImage ?? 0}`);
  }

  const closeMenus = () => document.querySelectorAll("[popover]").forEach((menu) => menu.matches(":popover-open") && menu.hidePopover());

  // A menu opens below its button, and inside the window.
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (event.newState !== "open" || !menu.matches || !menu.matches(".menu[popover]")) return;
      const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
      const [width, height] = [menu.offsetWidth, menu.offsetHeight];
      menu.style.left = `${Math.max(8, Math.min(button.left, innerWidth - width - 12))}px`;
      const below = button.bottom + height + 8 < innerHeight;
      menu.style.top = `${below ? button.bottom : Math.max(8, button.top - height - 8)}px`;
    },
    true,
  );

  function onChange(event) {
    const field = event.target;
    if ("set" in field.dataset) {
      const query = new URLSearchParams(field.dataset.also || "");
      query.set(field.dataset.set, field.value);
      change(query.toString());
    } else if ("go" in field.dataset) change(field.dataset.go);
  }

  function onInput(event) {
    if (event.target.matches("[data-overlay]")) document.body.style.setProperty("--overlay", event.target.value / 100);
  }

  function changed(form) {
    // [name, text] of every field that is not the default.
    const all = [...form.elements].filter((field) => field.name);
    const text = (field) => (field.type === "checkbox" ? String(field.checked) : field.value);
    return all.filter((field) => text(field) !== field.dataset.default).map((field) => [field.name, text(field)]);
  }

  function onSubmit(event) {
    const form = event.target.closest("form[data-form], form[data-options]");
    if (!form) return;
    event.preventDefault();
    if ("options" in form.dataset) return tune(form, changed(form));
    force = true;
    change("?" + new URLSearchParams([["section", view.section], ...changed(form).filter(([, value]) => value !== "")]));
  }

  // Parameters of one attribution method; those of the others stay.
  function tune(form, typed) {
    const mine = typed.map(([name, value]) => `${form.dataset.options}.${name}:${encodeURIComponent(value)}`);
    change(new URLSearchParams({ options: [form.dataset.others, ...mine].filter(Boolean).join(",") }).toString());
  }

  function onReset(event) {
    const form = event.target.closest("form[data-form], form[data-options]");
    if (!form) return;
    event.preventDefault();
    if ("options" in form.dataset) return tune(form, []);
    force = true;
    change("?" + new URLSearchParams({ section: view.section }));
  }

  // ------------------------------------------------------------------ keyboard: one stop a group, arrows inside
  function onKey(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const button = event.target.closest("button");
    if (!step || !button) return;
    const next = button.closest("table") ? inTable(button, step) : button.closest(".grid") ? inGrid(button, step) : null;
    if (!next) return;
    event.preventDefault();
    button.closest("table, .grid").querySelectorAll("button[tabindex='0']").forEach((other) => other.setAttribute("tabindex", "-1"));
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  // Ctrl-K finds anything by name, and so does "/" where it is not the query's.
  document.addEventListener("keydown", (event) => {
    const letter = event.key.toLowerCase();
    const asks = letter === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    const typing = event.target.closest("input, textarea, select, dialog, [contenteditable]");
    const slash = letter === "/" && !typing && !event.ctrlKey && !event.metaKey && document.body.dataset.section !== "images";
    if (!(asks || slash) || event.defaultPrevented) return;
    event.preventDefault();
    closeMenus();
    W.find();
  });

  function inTable(button, [x, y]) {
    const rows = [...button.closest("table").rows].map((row) => [...row.cells]);
    let r = rows.findIndex((row) => row.includes(button.parentElement));
    let c = rows[r].indexOf(button.parentElement);
    for (;;) {
      r += y;
      c += x;
      const cell = rows[r] && rows[r][c];
      if (!cell) return null;
      const found = cell.querySelector("button");
      if (found) return found;
    }
  }

  function inGrid(button, [x, y]) {
    const all = [...button.closest(".grid").querySelectorAll("button")];
    const place = all.indexOf(button);
    if (x) return all[place + x];
    const left = button.offsetLeft;
    const column = all.filter((other) => Math.abs(other.offsetLeft - left) < 2);
    return column[column.indexOf(button) + y];
  }

  // ------------------------------------------------------------------ progress of what takes long
  let polling = false;
  let grew = 0; // when a part of an answer was shown last
  const parts = {}; // how many parts of it are there, by the key of the work
  async function poll() {
    const boxes = [...document.querySelectorAll("[data-wait]")].filter((box) => box.offsetParent !== null);
    if (polling || !boxes.length) return;
    polling = true;
    try {
      let done = false;
      for (const key of new Set(boxes.map((box) => box.dataset.wait))) {
        const state = await status(key);
        done = done || state.done;
        parts[key] = state.parts;
        boxes.filter((box) => box.dataset.wait === key).forEach((box) => {
          box.querySelector(".what").textContent = state.what;
          const bar = box.querySelector("progress");
          state.share === null ? bar.removeAttribute("value") : (bar.value = state.share);
        });
      }
      const grown = boxes.find((box) => "parts" in box.dataset && +box.dataset.parts < (parts[box.dataset.wait] || 0));
      if (done && !document.body.classList.contains("asking")) {
        force = true;
        ask("replace");
      } else if (grown && performance.now() - grew > 4000) {
        grew = performance.now();
        fire("answer");
      }
    } catch {
      boxes.forEach((box) => (box.querySelector(".what").textContent = "The workbench does not answer; is it still running in its terminal?"));
    } finally {
      polling = false;
    }
  }
  setInterval(poll, 400);

  // ------------------------------------------------------------------ figures that cannot be drawn
  document.addEventListener(
    "error",
    (event) => {
      const figure = event.target.closest && event.target.closest("figure.chart");
      if (figure) figure.innerHTML = '<p class="problem" role="alert">The figure could not be drawn; the terminal in which the workbench runs says why.</p>';
    },
    true,
  );

  // ------------------------------------------------------------------ panes arrive in any order, before or after this file
  W.attach = () => {
    for (const [element, trigger] of (window.workbenchPanes || []).splice(0)) {
      const owner = ["bar", "matrix", "gallery", "work", "main", "detail", "answer"].find((id) => element.id === id || element.closest("#" + id));
      panes[owner] = { element, trigger, dim: 0, note: 0, asked: 0, sent: 0 };
      element.addEventListener("click", onClick);
      element.addEventListener("change", onChange);
      element.addEventListener("input", onInput);
      element.addEventListener("submit", onSubmit);
      element.addEventListener("reset", onReset);
      element.addEventListener("keydown", onKey);
    }
  };
  window.workbenchPanes = window.workbenchPanes || [];
  W.attach();
  fetched(document.currentScript.dataset.first);
  if (window.workbenchFirst) W.reply(window.workbenchFirst);
})();

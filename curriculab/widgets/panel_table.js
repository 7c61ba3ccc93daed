// The table of a bench in training. `state` is what the kernel last said; the kernel is asked whether it still trains,
// so that what was saved, or is left over from a kernel that is gone, calls itself a snapshot.

const ASK_MS = 5000; // between two questions to the kernel
const SILENT_MS = 12000; // without an answer or news: then what is shown is of another time
const SORT_MS = 3000; // between two sortings while numbers change, so that rows do not jump under the pointer

const COLUMNS = [
  { key: "name", label: "variant", text: true, hint: "" },
  { key: "state", label: "state", text: true, hint: "" },
  { key: "share", label: "step", hint: "of the seed furthest behind" },
  { key: "loss", label: "loss", hint: "mean of the last five steps and of the seeds, nats a token; beside it the change since the first five" },
  { key: "accuracy", label: "accuracy", hint: "share of test rows right at the last test, mean of the seeds; beside it the change since the first" },
  { key: "left", label: "time left", hint: "at the pace so far" },
];

const ACTIONS = [
  { what: "pause", label: () => "Pause all variants", open: true },
  { what: "stop", label: (name) => `Stop ${name}`, open: true },
  { what: "swap", label: (name) => `Change ${name} …`, open: true },
  { what: "fork", label: (name) => `Fork ${name} …`, open: true },
  { what: "look", label: () => "What it is doing", open: false },
];

function node(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// Text, attributes and visibility are touched only where they differ: a screen reader would read them again.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function number(value, digits) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function change(value, digits) {
  if (value === null || value === undefined) return "";
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? "±0" : `${value < 0 ? "−" : "+"}${text}`;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds >= 5400) return `${(seconds / 3600).toFixed(1)} h`;
  if (seconds >= 90) return `${Math.round(seconds / 60)} min`;
  return `${Math.max(1, Math.round(seconds))} s`;
}

// What both parts of a panel share in the browser: which variants are isolated, and which lies under the pointer.
function shared(id) {
  const all = (globalThis.curriculabPanels ??= new Map());
  if (!all.has(id)) all.set(id, { isolated: new Set(), lit: null, unfolded: false, events: new EventTarget() });
  return all.get(id);
}

function render({ model, el }) {
  const view = shared(model.get("panel"));
  const rows = new Map(); // by name: elements of a row
  const order = { key: null, down: false, at: 0, names: [] };
  let heard = 0; // when the kernel last said something
  let phase = { text: "", since: Date.now() };
  let told = { status: "", lines: 0 };
  let menu = null;

  // -- the parts ------------------------------------------------------------------------------------------------------
  const pause = node("button", { class: "clp-button", onclick: () => act(state().status === "paused" ? "resume" : "pause") });
  const halt = node("button", { class: "clp-button", title: "stop; started again it goes on from here", onclick: () => act("interrupt") }, ["Stop all"]);
  const fill = node("div", { class: "clp-fill" });
  const part = node("div", { class: "clp-part" });
  const bar = node("div", { class: "clp-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "how far all of it is" }, [fill, part]);
  const words = node("div", { class: "clp-words" });
  const note = node("div", { class: "clp-note", hidden: true });
  const general = node("div", { class: "clp-general" });
  const problems = node("div", { role: "alert" });
  const status = node("div", { class: "clp-unseen", role: "status" });
  const everyone = node("button", { class: "clp-link", hidden: true, onclick: () => isolate(null) }, ["show all"]);
  const body = node("tbody");
  const heads = COLUMNS.map((column) => {
    const button = node("button", { class: "clp-sort", title: column.hint || undefined, onclick: () => sortBy(column) }, [column.label]);
    return node("th", { scope: "col", class: column.text ? "" : "clp-number" }, [button]);
  });
  heads.push(node("th", { scope: "col" }, [node("span", { class: "clp-unseen" }, ["actions"])]));
  const fold = node("button", { class: "clp-fold", "aria-expanded": "false", hidden: true, onclick: () => unfold(!view.unfolded) });
  const scroller = node("div", { class: "clp-scroll", tabindex: "0", role: "region", "aria-label": "variants" }, [
    node("table", { class: "clp-table" }, [node("caption", { class: "clp-unseen" }, ["Variants in training"]), node("thead", {}, [node("tr", {}, heads)]), body]),
  ]);
  const root = node("div", { class: "clp" }, [
    node("div", { class: "clp-top" }, [pause, halt, bar, words, everyone]),
    note, general, problems, status, scroller, fold,
  ]);
  el.append(root);

  // -- asking and acting ----------------------------------------------------------------------------------------------
  const state = () => model.get("state");

  function act(what, variant) {
    model.send({ do: what, variant: variant ?? null });
    if (what === "pause") say(words, "pausing after the current call …");
    if (what === "resume") say(words, "going on …");
  }

  function live() {
    return heard > 0 && Date.now() - heard < SILENT_MS;
  }

  // -- rows -----------------------------------------------------------------------------------------------------------
  function makeRow(name) {
    const swatch = node("span", { class: "clp-swatch", "aria-hidden": "true" });
    const pick = node("button", { class: "clp-name", "aria-pressed": "false", title: "show its curve alone; with Shift or Ctrl, several", onclick: (event) => isolate(name, event.shiftKey || event.ctrlKey || event.metaKey) }, [swatch, node("span", {}, [name])]);
    const more = node("button", { class: "clp-more", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `actions for ${name}`, onclick: () => openMenu(name) }, ["⋯"]);
    const cells = Object.fromEntries(COLUMNS.slice(1).map((c) => [c.key, node("td", { class: c.text ? "" : "clp-number" })]));
    const step = node("span"), track = node("span", { class: "clp-track", "aria-hidden": "true" }, [node("span")]);
    cells.share.append(step, track);
    for (const key of ["loss", "accuracy"]) cells[key].append(node("span"), node("span", { class: "clp-change" }));
    const row = node("tr", { onpointerenter: () => light(name), onpointerleave: () => light(null), onfocusin: () => light(name), onfocusout: () => light(null) }, [
      node("th", { scope: "row" }, [pick]),
      ...COLUMNS.slice(1).map((c) => cells[c.key]),
      node("td", {}, [more]),
    ]);
    return { row, swatch, pick, more, cells, step, track: track.firstChild, lines: [], known: "" };
  }

  function drawRow(about) {
    if (!rows.has(about.name)) rows.set(about.name, makeRow(about.name));
    const own = rows.get(about.name);
    set(own.swatch, "style", `--c: ${about.colour}`);
    set(own.swatch, "data-dash", about.dash);
    say(own.cells.state, about.state);
    say(own.step, about.steps ? `${about.step} of ${about.steps}` : `${about.step}`);
    set(own.track, "style", `width: ${(100 * about.share).toFixed(1)}%`);
    say(own.cells.loss.children[0], number(about.loss, 3));
    say(own.cells.loss.children[1], change(about.loss_change, 3));
    say(own.cells.accuracy.children[0], number(about.accuracy, 3));
    say(own.cells.accuracy.children[1], change(about.accuracy_change, 3));
    say(own.cells.left, duration(about.left));
    own.row.classList.toggle("clp-lit", view.lit === about.name);
    own.row.classList.toggle("clp-aside", view.isolated.size > 0 && !view.isolated.has(about.name));
    set(own.pick, "aria-pressed", String(view.isolated.has(about.name)));
    const known = JSON.stringify(about.lines);
    if (known !== own.known) {
      own.known = known;
      own.lines.forEach((line) => line.remove());
      own.lines = about.lines.map((line) =>
        node("tr", { class: `clp-line clp-${line.kind}` }, [node("td", { colspan: String(COLUMNS.length + 1) }, [node("div", { role: line.kind === "alert" ? "alert" : undefined }, [line.text])])]));
      if (own.row.parentNode) own.row.after(...own.lines);
    }
  }

  // The order of the bench, or by a column.
  function arranged(now) {
    const all = [...state().rows];
    const busy = menu !== null || scroller.matches(":hover") || scroller.contains(document.activeElement);
    if (order.key && order.names.length === all.length && busy && now - order.at < 10 * SORT_MS) {
      all.sort((a, b) => order.names.indexOf(a.name) - order.names.indexOf(b.name));
    } else if (order.key && (now - order.at >= SORT_MS || order.names.length !== all.length)) {
      const sign = order.down ? -1 : 1;
      const missing = (value) => value === null || value === undefined;
      all.sort((a, b) => {
        const [x, y] = [a[order.key], b[order.key]];
        if (missing(x) || missing(y)) return missing(x) - missing(y);
        return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
      });
      order.at = now;
      order.names = all.map((row) => row.name);
    } else if (order.key) {
      all.sort((a, b) => order.names.indexOf(a.name) - order.names.indexOf(b.name));
    }
    return all;
  }

  // Controls come last, and are folded away unless something was done to them.
  function place(all) {
    const controls = all.filter((row) => row.kind !== "variant");
    const shown = all.filter((row) => row.kind === "variant");
    const wanted = shown.flatMap((row) => [rows.get(row.name).row, ...rows.get(row.name).lines]);
    fold.hidden = controls.length === 0;
    if (controls.length) {
      const steered = view.unfolded ? controls : controls.filter((row) => row.lines.length);
      wanted.push(...steered.flatMap((row) => [rows.get(row.name).row, ...rows.get(row.name).lines]));
      const nulls = controls.filter((row) => row.kind === "null").length;
      const kinds = [controls.length - nulls ? `${controls.length - nulls} controls` : "", nulls ? `${nulls} random orders of the null band` : ""];
      say(fold, `${view.unfolded ? "▾" : "▸"} ${kinds.filter(Boolean).join(" and ")}`);
      set(fold, "aria-expanded", String(view.unfolded));
    }
    const there = [...body.children];
    if (there.length === wanted.length && there.every((row, i) => row === wanted[i])) return;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    body.replaceChildren(...wanted);
    if (focused && body.contains(focused)) focused.focus({ preventScroll: true });
  }

  function sortBy(column) {
    if (order.key === column.key && order.down === !column.text) order.down = !order.down;
    else if (order.key === column.key) order.key = null;
    else Object.assign(order, { key: column.key, down: !column.text });
    Object.assign(order, { at: 0, names: [] });
    heads.slice(0, COLUMNS.length).forEach((head, i) => {
      const own = COLUMNS[i].key === order.key;
      if (own) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    draw();
  }

  function unfold(open) {
    view.unfolded = open;
    changed();
  }

  function light(name) {
    if (view.lit === name) return;
    view.lit = name;
    changed();
  }

  function isolate(name, several = false) {
    const alone = view.isolated.size === 1 && view.isolated.has(name);
    if (name === null || (alone && !several)) view.isolated.clear();
    else if (!several) view.isolated = new Set([name]);
    else if (!view.isolated.delete(name)) view.isolated.add(name);
    changed();
  }

  function changed() {
    view.events.dispatchEvent(new Event("changed"));
  }

  // -- the menu of a row ----------------------------------------------------------------------------------------------
  function closeMenu(focus = false) {
    if (!menu) return;
    const { button, box } = menu;
    menu = null;
    box.remove();
    button.setAttribute("aria-expanded", "false");
    if (focus) button.focus();
  }

  function openMenu(name) {
    const again = menu?.name === name;
    closeMenu();
    if (again) return;
    const own = rows.get(name);
    const about = state().rows.find((row) => row.name === name);
    const items = ACTIONS.map((action) => {
      const paused = action.what === "pause" && state().status === "paused";
      const label = paused ? "Resume all variants" : action.label(name);
      const run = () => { closeMenu(true); act(paused ? "resume" : action.what, name); };
      return node("button", { role: "menuitem", tabindex: "-1", disabled: action.open && !about.open, onclick: run }, [label]);
    });
    const box = node("div", { class: "clp-menu", role: "menu", "aria-label": `actions for ${name}` }, items);
    const able = items.filter((item) => !item.disabled);
    box.addEventListener("keydown", (event) => {
      const at = able.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: able.length - 1 }[event.key];
      if (event.key === "Escape" || event.key === "Tab") closeMenu(true);
      else if (to !== undefined) able[(to + able.length) % able.length].focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    root.append(box);
    const [there, here] = [own.more.getBoundingClientRect(), root.getBoundingClientRect()];
    box.style.top = `${there.bottom - here.top}px`;
    box.style.right = `${Math.max(0, here.right - there.right)}px`;
    own.more.setAttribute("aria-expanded", "true");
    menu = { name, box, button: own.more };
    able[0]?.focus();
  }

  const outside = (event) => {
    if (menu && !menu.box.contains(event.target) && event.target !== menu.button) closeMenu();
  };
  document.addEventListener("pointerdown", outside, true);
  scroller.addEventListener("scroll", () => closeMenu());

  // -- drawing --------------------------------------------------------------------------------------------------------
  function draw() {
    const now = state();
    if (!now.rows) return;
    const over = ["finished", "interrupted", "failed"].includes(now.status);
    if (phase.text !== now.phase) phase = { text: now.phase, since: Date.now() };
    const percent = 100 * now.progress;
    set(fill, "style", `width: ${percent.toFixed(1)}%`);
    set(bar, "aria-valuenow", percent.toFixed(0));
    set(part, "style", `width: ${(100 * now.call_share).toFixed(1)}%`);
    bar.classList.toggle("clp-moving", !over && now.status !== "paused" && live());
    const left = now.left === null || over ? "" : `, about ${duration(now.left)} left`;
    const since = Math.round((Date.now() - phase.since) / 1000);
    const moving = since >= 3 && !over && now.status !== "paused" && live() ? ` for ${duration(since)}` : "";
    if (!now.asked) say(words, over || now.status === "paused" ? now.words : `${now.words}${moving}, ${percent.toFixed(0)}%${left}`);
    else say(words, now.asked);
    say(pause, now.status === "paused" ? "Resume" : "Pause");
    pause.disabled = halt.disabled = over;
    everyone.hidden = view.isolated.size === 0;
    note.hidden = live() || !(heard || Date.now() - began > 2500);
    const when = new Date(now.at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    say(note, over ? `As of ${when}, when it ended.` : `A snapshot of ${when}: the kernel does not answer (it is busy with another cell, or gone). Run the cell again to see, or go on from, where it stands.`);
    const lines = JSON.stringify(now.general);
    if (general.dataset.known !== lines) {
      general.dataset.known = lines;
      general.replaceChildren(...now.general.map((line) => node("div", { class: `clp-${line.kind}` }, [line.text])));
    }
    say(problems, now.problems.join("\n"));
    now.rows.forEach(drawRow);
    place(arranged(Date.now()));
    const done = now.rows.flatMap((row) => row.lines.map((line) => `${row.name}: ${line.text}`));
    if (told.status !== now.status) say(status, now.words);
    else if (done.length > told.lines) say(status, done[done.length - 1]);
    told = { status: now.status, lines: done.length };
  }

  const began = Date.now();
  // The snapshot that the notebook keeps is for readers without a kernel.
  const hiding = node("style", {}, [`.clp-snapshot-${model.get("panel")} { display: none; }`]);
  const news = () => {
    if (!hiding.isConnected) document.head.append(hiding);
    heard = Date.now();
    draw();
  };
  const answer = (message) => { if (message?.here) news(); };
  const ask = () => model.send({ do: "ask" });
  model.on("change:state", news);
  model.on("msg:custom", answer);
  view.events.addEventListener("changed", draw);
  const asking = setInterval(ask, ASK_MS);
  const ticking = setInterval(draw, 1000);
  ask();
  draw();
  return () => {
    hiding.remove();
    clearInterval(asking);
    clearInterval(ticking);
    document.removeEventListener("pointerdown", outside, true);
    view.events.removeEventListener("changed", draw);
    model.off("change:state", news);
    model.off("msg:custom", answer);
  };
}

export default { render };

// The curves of a bench in training, as SVG in the colours of the page. The kernel sends rows of numbers, 12 a row:
// kind (0 a step, 1 a test), run, place, the six axes, then loss, reward, length of a step, or the accuracy of a test.

const COLUMNS = 12;
const AXES_AT = 3;
const VALUES_AT = 9;
const HEIGHT = 320;
const SIDES = { left: 62, right: 18, top: 12, bottom: 44 };
const REDRAW_MS = 200; // between two drawings
const NEAR = 40; // px: from how far a curve is found
const DOTS = 12; // points of a line that are drawn as dots too

function svg(tag, attributes = {}, children = []) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shared(id) {
  const all = (globalThis.curriculabPanels ??= new Map());
  if (!all.has(id)) all.set(id, { isolated: new Set(), lit: null, unfolded: false, events: new EventTarget() });
  return all.get(id);
}

// Round numbers from low to high, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
}

function written(value, digits) {
  if (Math.abs(value) >= 10000) return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 1 });
  return value.toFixed(digits).replace("-", "−");
}

function render({ model, el }) {
  const view = shared(model.get("panel"));
  let runs = []; // [variant, seed] by number
  let steps = new Map(); // by run: rows by place
  let tests = new Map();
  let drawn = []; // what the pointer can find: {name, x, y, at, value}
  let due = null;
  let last = 0;

  const menus = {};
  for (const name of ["y", "x"]) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", { y: "what the curves show", x: "what they are drawn over" }[name]);
    for (const [value, text] of Object.entries(model.get(`${name}_choices`))) select.add(new Option(text, value));
    select.addEventListener("change", () => {
      model.set(name, select.value);
      model.save_changes();
      draw();
    });
    menus[name] = select;
  }
  const top = document.createElement("div");
  top.className = "clp-choices";
  top.append("show ", menus.y, " over ", menus.x);
  const tip = document.createElement("div");
  tip.className = "clp-tip";
  tip.hidden = true;
  const frame = svg("g", { class: "clp-frame" });
  const lines = svg("g");
  const signs = svg("g");
  const empty = svg("text", { class: "clp-empty", "text-anchor": "middle" });
  const picture = svg("svg", { class: "clp-curves", role: "img", height: HEIGHT }, [frame, lines, signs, empty]);
  const root = document.createElement("div");
  root.className = "clp clp-plot";
  root.append(top, picture, tip);
  el.append(root);

  // -- numbers --------------------------------------------------------------------------------------------------------
  function take(message, buffers) {
    if (!message || !message.runs) return;
    if (message.anew) [steps, tests] = [new Map(), new Map()];
    runs = message.runs;
    const bytes = buffers?.[0];
    if (bytes) {
      const view = bytes instanceof DataView ? bytes : new DataView(bytes.buffer ?? bytes);
      const numbers = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
      for (let at = 0; at < numbers.length; at += COLUMNS) {
        const [kind, run, place] = numbers.subarray(at, at + 3);
        const into = kind ? tests : steps;
        if (!into.has(run)) into.set(run, []);
        into.get(run)[place] = numbers.subarray(at, at + COLUMNS);
      }
    }
    soon();
  }

  function most(found) {
    return Math.max(0, ...[...found.values()].map((rows) => rows.length));
  }

  function quantity() {
    const y = model.get("y");
    if (y !== "auto") return y;
    if (model.get("tests_planned") > 2 && most(tests) > 1) return "accuracy";
    for (const name of ["reward", "loss"]) if ([...steps.keys()].some((run) => line(run, name, "step").length)) return name;
    return most(tests) ? "accuracy" : "loss";
  }

  function line(run, y, x) {
    const rows = (y === "accuracy" ? tests : steps).get(run) ?? [];
    const at = VALUES_AT + (y === "accuracy" ? 0 : ["loss", "reward", "length"].indexOf(y));
    const over = AXES_AT + Object.keys(model.get("x_choices")).indexOf(x);
    return rows.filter((row) => row && Number.isFinite(row[at])).map((row) => [row[over], row[at], row[AXES_AT]]);
  }

  // The mean of the seeds, as far as all of them have come.
  function mean(own) {
    const n = Math.min(...own.map((points) => points.length));
    if (!Number.isFinite(n)) return [];
    return Array.from({ length: n }, (_, i) => [0, 1, 2].map((c) => own.reduce((sum, points) => sum + points[i][c], 0) / own.length));
  }

  // -- drawing --------------------------------------------------------------------------------------------------------
  function soon() {
    if (due !== null) return;
    due = setTimeout(() => { due = null; draw(); }, Math.max(0, REDRAW_MS - (Date.now() - last)));
  }

  function draw() {
    last = Date.now();
    const width = root.clientWidth;
    if (!width) return;
    const [y, x] = [quantity(), model.get("x")];
    menus.y.value = y;
    menus.x.value = x;
    if (model.get("shown") !== y) {
      model.set("shown", y);
      model.save_changes();
    }
    const variants = model.get("variants");
    const chosen = view.isolated.size ? variants.filter((v) => view.isolated.has(v.name)) : variants;
    const curves = chosen.map((v) => {
      const own = runs.flatMap(([name], run) => (name === v.name ? [line(run, y, x)] : [])).filter((points) => points.length);
      return { ...v, own, mean: mean(own), back: !view.isolated.size && (v.kind === "null" || (v.kind === "control" && !view.unfolded)) };
    });
    const points = curves.flatMap((curve) => curve.own.flat());
    const box = scales(points, width, y, x);
    picture.setAttribute("width", width);
    picture.setAttribute("aria-label", `${model.get("y_choices")[y]} over ${model.get("x_choices")[x]}, ${curves.length} variants; the table above has the last numbers`);
    axes(box, width, y, x);
    empty.textContent = points.length ? "" : y === "accuracy" && most(steps) ? "no test yet" : "nothing measured yet";
    empty.setAttribute("x", width / 2);
    empty.setAttribute("y", HEIGHT / 2);
    drawn = [];
    lines.replaceChildren(...curves.sort((a, b) => b.back - a.back).map((curve) => group(curve, box)));
    signs.replaceChildren(...curves.flatMap((curve) => marks(curve, box)));
    light();
  }

  function scales(points, width, y, x) {
    const span = (values, zero) => {
      let [low, high] = [Infinity, -Infinity];
      for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
      if (!Number.isFinite(low)) return [0, 1];
      if (zero) low = Math.min(0, low);
      const room = high - low || Math.abs(high) || 1;
      return zero ? [low, high || 1] : [low - 0.06 * room, high + 0.06 * room];
    };
    const total = model.get("total");
    const xs = span(points.map((p) => p[0]), true);
    if (x === "step" && total) xs[1] = Math.max(total, xs[1]);
    const ys = span(points.map((p) => p[1]), false);
    const [w, h] = [width - SIDES.left - SIDES.right, HEIGHT - SIDES.top - SIDES.bottom];
    return {
      xs, ys,
      x: (value) => SIDES.left + (w * (value - xs[0])) / (xs[1] - xs[0]),
      y: (value) => SIDES.top + h - (h * (value - ys[0])) / (ys[1] - ys[0]),
    };
  }

  function axes(box, width, y, x) {
    const [left, right, bottom] = [SIDES.left, width - SIDES.right, HEIGHT - SIDES.bottom];
    const parts = [svg("path", { d: `M${left},${SIDES.top}V${bottom}H${right}` })];
    const [ys, ydigits] = ticks(...box.ys, 5);
    for (const value of ys) {
      const at = box.y(value);
      parts.push(svg("path", { class: "clp-grid", d: `M${left},${at}H${right}` }));
      parts.push(svg("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, [written(value, ydigits)]));
    }
    const [xs, xdigits] = ticks(...box.xs, Math.max(2, Math.min(8, width / 110)));
    for (const value of xs) parts.push(svg("text", { x: box.x(value), y: bottom + 17, "text-anchor": "middle" }, [written(value, xdigits)]));
    parts.push(svg("text", { x: (left + right) / 2, y: HEIGHT - 7, "text-anchor": "middle" }, [model.get("x_choices")[x]]));
    const across = `translate(13,${(SIDES.top + bottom) / 2}) rotate(-90)`;
    parts.push(svg("text", { transform: across, "text-anchor": "middle" }, [model.get("y_choices")[y]]));
    frame.replaceChildren(...parts);
  }

  function path(points, box) {
    return points.map((p, i) => `${i ? "L" : "M"}${box.x(p[0]).toFixed(1)},${box.y(p[1]).toFixed(1)}`).join("");
  }

  function group(curve, box) {
    const made = svg("g", { "data-name": curve.name, "data-dash": curve.dash, class: `clp-curve${curve.back ? " clp-back" : ""}`, style: `--c: ${curve.colour}` });
    if (curve.own.length > 1) made.append(svg("path", { class: "clp-seeds", d: curve.own.map((points) => path(points, box)).join("") }));
    made.append(svg("path", { class: "clp-mean", d: path(curve.mean, box) }));
    if (curve.mean.length <= DOTS) for (const p of curve.mean) made.append(svg("circle", { cx: box.x(p[0]), cy: box.y(p[1]), r: curve.back ? 2 : 3.2 }));
    for (const p of curve.mean) drawn.push({ name: curve.name, x: box.x(p[0]), y: box.y(p[1]), at: p[0], value: p[1], back: curve.back });
    return made;
  }

  // What was done by hand: on the curve, at the last point before it.
  function marks(curve, box) {
    return model.get("marks").filter((mark) => mark.variant === curve.name && curve.mean.length).map((mark) => {
      const p = curve.mean.filter((point) => point[2] <= mark.step).pop() ?? curve.mean[0];
      const sign = { stop: "■", swap: "◆", fork: "▲" }[mark.event] ?? "●";
      return svg("text", { class: "clp-sign", "data-name": curve.name, x: box.x(p[0]), y: box.y(p[1]) + 5, "text-anchor": "middle", style: `--c: ${curve.colour}` }, [sign, svg("title", {}, [`${curve.name}: ${mark.text}`])]);
    });
  }

  function light() {
    root.classList.toggle("clp-some-lit", view.lit !== null && !!lines.querySelector(`[data-name="${CSS.escape(view.lit)}"]`));
    for (const made of lines.children) made.classList.toggle("clp-lit", made.dataset.name === view.lit);
    const lit = [...lines.children].find((made) => made.dataset.name === view.lit);
    if (lit && lit !== lines.lastChild) lines.append(lit); // over all others
  }

  // -- the pointer ----------------------------------------------------------------------------------------------------
  function nearest(event) {
    const here = picture.getBoundingClientRect();
    const [px, py] = [event.clientX - here.left, event.clientY - here.top];
    let [best, far] = [null, NEAR];
    for (const point of drawn) {
      const d = Math.hypot(point.x - px, point.y - py) + (point.back ? 12 : 0);
      if (d < far) [best, far] = [point, d];
    }
    return best;
  }

  picture.addEventListener("pointermove", (event) => {
    const found = nearest(event);
    tip.hidden = !found;
    if (found) {
      tip.textContent = `${found.name}: ${found.value.toFixed(3)} at ${written(found.at, 0)}`;
      tip.style.left = `${Math.min(found.x + 12, root.clientWidth - tip.offsetWidth - 4)}px`;
      tip.style.top = `${picture.offsetTop + Math.max(0, found.y - 30)}px`;
    }
    if ((found?.name ?? null) !== view.lit) {
      view.lit = found?.name ?? null;
      view.events.dispatchEvent(new Event("changed"));
    }
  });
  picture.addEventListener("pointerleave", () => {
    tip.hidden = true;
    view.lit = null;
    view.events.dispatchEvent(new Event("changed"));
  });
  picture.addEventListener("click", (event) => {
    const found = nearest(event);
    if (!found) return;
    const alone = view.isolated.size === 1 && view.isolated.has(found.name);
    view.isolated = alone ? new Set() : new Set([found.name]);
    view.events.dispatchEvent(new Event("changed"));
  });

  let known = "";
  const changed = () => {
    const now = JSON.stringify([[...view.isolated], view.unfolded]);
    if (now !== known) {
      known = now;
      draw();
    } else light();
  };
  const redraw = () => soon();
  view.events.addEventListener("changed", changed);
  model.on("msg:custom", take);
  model.on("change", redraw);
  const sized = new ResizeObserver(redraw);
  sized.observe(root);
  model.send({ do: "all" });
  draw();
  return () => {
    sized.disconnect();
    clearTimeout(due);
    view.events.removeEventListener("changed", changed);
    model.off("msg:custom", take);
    model.off("change", redraw);
  };
}

export default { render };

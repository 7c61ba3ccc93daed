"""A live figure in a page that is slow to read plotly.js: nothing that arrives meanwhile is lost."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from curriculab.widgets import live

# A stand-in for plotly's widget that writes down what it meets, and is read only when the page says so.
BUNDLE = """
globalThis.reads = (globalThis.reads ?? 0) + 1;
await new Promise(ready => { globalThis.letIn = ready; });
export default () => ({
    initialize({ model }) {
        model.on("change:_py2js_update", () => {
            const change = model.get("_py2js_update");
            if (change !== null) globalThis.met.push(change.number);
        });
    },
    render({ el }) { globalThis.met.push("drawn"); },
});
"""
PAGE = """async ([widget, bundle]) => {
    globalThis.met = [];
    class Model {  // of anywidget, as far as it is needed
        values = { _plotly_version: "1", _plotly_source: bundle, _py2js_update: null };
        heard = new Map();
        get(name) { return this.values[name]; }
        set(name, value) {
            if (this.values[name] === value) return;
            this.values[name] = value;
            for (const kept of [...(this.heard.get(`change:${name}`) ?? [])]) kept.call();
        }
        heardBy(context) {  // `off` forgets what the same context listens to, and nothing else
            return {
                get: name => this.values[name],
                set: (name, value) => this.set(name, value),
                on: (name, call) => this.heard.set(name, [...(this.heard.get(name) ?? []), { call, context }]),
                off: (name, call) => this.heard.set(name, (this.heard.get(name) ?? []).filter(
                    kept => kept.context !== context || kept.call !== (call ?? kept.call))),
            };
        }
        tell(number) { this.set("_py2js_update", { number }); this.set("_py2js_update", null); }
    }
    const address = URL.createObjectURL(new Blob([widget], { type: "text/javascript" }));
    const make = (await import(address)).default;
    const figures = [make(), make()], models = [new Model(), new Model()];
    // ready at once: nothing was read yet
    figures.forEach((figure, i) => figure.initialize({ model: models[i].heardBy("page") }));
    const before = globalThis.reads ?? 0;
    models[0].tell(1);
    const views = models.map(model => model.heardBy("view"));
    const shown = figures.map((figure, i) => figure.render({ model: views[i], el: document.body }));
    models[0].tell(2);
    while (!globalThis.letIn) await new Promise(later => setTimeout(later, 10));
    globalThis.letIn();
    await Promise.all(shown);
    views[0].off("change:_py2js_update");  // the view is closed, the figure stays
    models[0].tell(3);
    return { before, reads: globalThis.reads, met: globalThis.met };
}"""


def test_changes_that_arrive_while_plotly_is_read_are_made_and_it_is_read_once(chromium: str):
    widget = live.LiveFigure._esm
    source = Path(str(getattr(widget, "_path", widget))).read_text(encoding="utf-8")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        found = page.evaluate(PAGE, [source, BUNDLE])
        browser.close()
    assert (found["before"], found["reads"]) == (0, 1)  # read when the first figure is shown, once for both
    assert [met for met in found["met"] if met != "drawn"] == [1, 2, 3]
    assert found["met"].count("drawn") == 2

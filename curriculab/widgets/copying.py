"""A button that puts a text into the clipboard of the notebook's reader."""

from __future__ import annotations

from functools import cache

# Browsers give the clipboard only to pages of this machine or over https; elsewhere the old command still copies.
ESM = """
async function copied(text) {
    try { await navigator.clipboard.writeText(text); return true; } catch (refused) {
        const area = document.createElement("textarea");
        area.value = text;
        document.body.append(area);
        area.select();
        const done = document.execCommand("copy");
        area.remove();
        return done;
    }
}
function render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button";
    button.textContent = model.get("label");
    button.setAttribute("aria-live", "polite");
    button.onclick = async () => {
        button.textContent = (await copied(model.get("text"))) ? "copied" : "select the text and press Ctrl+C";
        setTimeout(() => { button.textContent = model.get("label"); button.focus(); }, 1500);
    };
    el.append(button);
}
export default { render };
"""


@cache
def _kind() -> type:
    """The class, made when it is first needed: importing this module needs no widgets."""
    import anywidget
    import traitlets

    class CopyButton(anywidget.AnyWidget):
        _esm = ESM
        text = traitlets.Unicode("").tag(sync=True)
        label = traitlets.Unicode("Copy").tag(sync=True)

    return CopyButton


def copy_button(text: str = "", *, label: str = "Copy") -> object:
    """A button with the traits `text` (what is copied) and `label`."""
    return _kind()(text=text, label=label)

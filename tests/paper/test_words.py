"""Names that are no commands, in LaTeX and in Markdown."""

from __future__ import annotations

from curriculab.paper.words import latex_text, markdown_text

ODD = "50% _a_ & {b} | $c$ #1 \\x ~^ <d>"


def test_special_characters_are_no_commands():
    assert latex_text(ODD) == (
        r"50\% \_a\_ \& \{b\} \textbar{} $\mathdollar$c$\mathdollar$ \#1 \textbackslash{}x "
        r"\textasciitilde{}\textasciicircum{} \textless{}d\textgreater{}"
    )
    assert latex_text("τ = 0.4 → é, 中") == r"$\tau$ = 0.4 $\rightarrow$ é, [U+4E2D]"
    assert latex_text("two\nlines\x00") == "two lines[U+0000]"
    assert markdown_text("a|b *c* <i>") == r"a\|b \*c\* \<i\>"

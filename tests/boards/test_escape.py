from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.boards import escape

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a | b",
    "`code`",
    "[x](javascript:alert(1))",
    "**b** _c_ ~~d~~",
    "<!-- END GENERATED -->",
    "a\n\n# b",
    "&lt;b&gt;",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\u202eevil",
    r"\input{/etc/passwd} $x^2$ 50% #1 a_b ~ {",
)
any_text = st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE))


@given(any_text)
def test_plain_text_is_one_line_without_control(words: str) -> None:
    plain = escape.plain(words)
    assert plain == plain.strip()
    assert not any(unicodedata.category(mark) in ("Cc", "Cf", "Cs") for mark in plain)


@given(any_text)
def test_free_text_is_no_markup(words: str) -> None:
    safe = escape.markdown(words)
    assert "<" not in safe
    assert ">" not in safe
    assert re.search(r"(?<!\\)(\\\\)*[|`*\[\]~]", safe) is None
    assert not safe.startswith("# ")
    assert re.search(r"&(?!(amp|lt|gt);)", safe) is None


@given(any_text)
def test_no_text_opens_a_tag_or_ends_an_attribute(words: str) -> None:
    assert not set("<>\"'") & set(escape.html(words))


@given(any_text)
def test_no_text_is_a_formula(words: str) -> None:
    assert not escape.csv(words).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(any_text)
def test_no_text_is_a_command_of_latex(words: str) -> None:
    safe = escape.latex(words)
    for known in ("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"):
        safe = safe.replace(f"\\{known}{{}}", "")
    safe = safe.replace(r"$^{\dagger}$", "").replace(r"$^{\ddagger}$", "").replace(r"\S{}", "")
    assert re.search(r"\\(?![&%$#_{}])", safe) is None
    assert re.search(r"(?<!\\)[&%$#_{}~^]", safe) is None


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://arxiv.org/abs/2402.08875", "https://arxiv.org/abs/2402.08875"),
        ("../records/a b.json", "../records/a%20b.json"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("https://x/<script>", "https://x/%3Cscript%3E"),
    ],
)
def test_addresses_lead_to_pages_and_files_only(address: str, link: str) -> None:
    assert escape.address(address) == link


def test_letters_that_latex_lacks_are_named() -> None:
    assert escape.latex("Müller 中") == "Müller U+4E2D"

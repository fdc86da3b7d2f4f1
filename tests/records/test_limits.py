from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.records import limits
from tta_bench.records.limits import LARGEST_JSON, is_control, plain, read_json
from tta_bench.utils.keyed_random import canonical_json


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b'{"a": ' * 30 + b"1" + b"}" * 30, "nested deeper"),
        (b'{"a": 1, "a": 2}', "the key 'a' is given twice"),
        (b'{"b": {"c": 1, "d": 2, "c": 1}}', "the key 'c' is given twice"),
        (b'{"a": "\\u001b[31mred"}', "signs that are not seen"),
        (b'{"a\\u202e": 1}', "signs that are not seen"),
        (b'["\\ud800"]', "signs that are not seen"),
        (b'["\\u2028"]', "signs that are not seen"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[0.10]", "0.10 was written as 0.1"),
        (b"[" + b"9" * 10_000 + b"]", "integer string conversion"),
        (b"\xff", "utf-8"),
        (b" " * (LARGEST_JSON + 1), "more than 2,000,000 bytes"),
    ],
)
def test_what_a_stranger_wrote_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_json(tmp_path / "record.json")


def test_usual_data_are_read(tmp_path: Path) -> None:
    data = {"name": "Zoë, 走る", "values": [1, 0.1, None, True], "deep": {"a": {"b": [{}]}}}
    (tmp_path / "record.json").write_text(json.dumps(data))
    assert read_json(tmp_path / "record.json") == (json.dumps(data), data, canonical_json(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('ab: "\\é'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab: "\\é', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from([None, 2, 4]))
def test_our_own_layout_is_read_as_any_other(data: object, indent: int | None) -> None:
    for ordered in (True, False):
        text = json.dumps(data, indent=indent, sort_keys=ordered, ensure_ascii=False)
        own = limits._own(text)
        assert own in (None, limits._any(text))
        assert own is not None or indent != 2 or not ordered


@given(st.lists(st.sampled_from("ab"), min_size=2, max_size=4), st.sampled_from(["1", "1.0", "1.00", "1e0", "-0"]))
def test_our_own_layout_has_no_key_twice_and_no_digit_too_many(keys: list[str], value: str) -> None:
    lines = ",\n".join(f'  "{key}": {value}' for key in sorted(keys))
    if len(set(keys)) < len(keys) or value in ("1.00", "1e0", "-0"):
        assert limits._own(f"{{\n{lines}\n}}") is None


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}"), ('[0, {"a": ', "}]")])
def test_the_deepest_level_is_still_read(tmp_path: Path, opening: str, closing: str) -> None:
    file, levels = tmp_path / "record.json", opening.count("[") + opening.count("{")
    times = limits.DEEPEST // levels
    file.write_text(opening * times + "1" + closing * times)
    assert read_json(file).text.count(opening) == times
    file.write_text("[" + opening * times + "1" + closing * times + "]")
    with pytest.raises(ValueError, match="nested deeper than 20"):
        read_json(file)


@pytest.mark.parametrize(
    "content", ['{\n\t"a": "b\\nc"}', '["ü", "\u202e"]', '["\x7f"]', '[{"\\u0007": 1}]', '["a", "\u2028"]']
)
def test_unseen_signs_are_found_as_they_are_and_escaped(tmp_path: Path, content: str) -> None:
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(ValueError, match="signs that are not seen"):
        read_json(tmp_path / "record.json")


@given(st.text())
def test_a_plain_text_has_no_sign_that_a_terminal_acts_on(text: str) -> None:
    assert not any(map(is_control, plain(text)))
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)

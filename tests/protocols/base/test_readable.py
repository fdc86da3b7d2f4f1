from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clips import write_video
from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.corpus import Clip
from tta_bench.data.media.manifest import Manifest
from tta_bench.errors import UserError
from tta_bench.protocols.base.readable import check_readable, exclude_broken, generated, generated_identity

CLIPS = [Clip(f"{number:02}", Path()) for number in range(20)]


def manifest(broken: set[int]) -> Manifest:
    return Manifest({clip.id: 9 for clip in CLIPS}, {f"{number:02}": "cut short" for number in broken})


@given(st.sets(st.integers(0, 19)), st.floats(0, 1))
def test_clips_are_left_out_or_refused_by_their_share(broken: set[int], allowed: float) -> None:
    if len(broken) > allowed * len(CLIPS):
        with pytest.raises(UserError, match=f"{len(broken)} of the 20 clips cannot be read"):
            exclude_broken(CLIPS, manifest(broken), "clips", allowed=allowed)
    else:
        assert (
            exclude_broken(CLIPS, manifest(broken), "clips", allowed=allowed).keys() == manifest(broken).broken.keys()
        )


def test_broken_clips_are_counted_and_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert exclude_broken(CLIPS[:4], manifest({1, 9}), "training clips") == {"01": "cut short"}
    said = capsys.readouterr().err
    assert "1 of the 4 training clips cannot be read (25.0%); left out: 01 (cut short)" in said
    with pytest.raises(UserError, match=r"1 of the 4 test clips cannot be read \(25.0%\), so no: 01 \(cut") as caught:
        exclude_broken(CLIPS[:4], manifest({1}), "test clips", allowed=0.2, rule=", so no", hint="Restore it.")
    assert caught.value.hint == "Restore it."
    assert exclude_broken(CLIPS, manifest(set()), "clips", allowed=0.0) == {}
    assert not capsys.readouterr().err


def test_clips_are_decoded_once(tmp_path: Path) -> None:
    clips = [Clip("good", write_video(tmp_path / "good.mp4", 7)), Clip("bad", tmp_path / "bad.mp4")]
    clips[1].path.write_bytes(b"no video")
    found = check_readable(clips, "mine", tmp_path, tmp_path / "runs", workers=0)
    assert found.frames == {"good": 7}
    assert set(found.broken) == {"bad"}
    assert len(list((tmp_path / "runs").rglob("mine-*.json"))) == 1


def test_only_a_whole_embedded_sample_is_known_by_its_generator(tmp_path: Path) -> None:
    def identity(*words: str) -> str | None:
        (experiment,) = resolve(["protocol=ucf101_ft", *words])
        return generated_identity(experiment)

    assert identity() == identity("seed=1")
    assert identity() != identity("dataset=hmdb51_sample")
    assert identity("limit=5") is None
    assert identity(f"data.root={tmp_path}") is None


def test_an_embedded_sample_is_known_by_its_card(tmp_path: Path) -> None:
    for words, sample in (((), True), (("dataset=folder", f"data.root={tmp_path}"), False)):
        (experiment,) = resolve(["protocol=ucf101_ft", *words])
        assert generated(experiment) is sample

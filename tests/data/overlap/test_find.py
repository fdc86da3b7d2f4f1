from __future__ import annotations

from pathlib import Path

from tests.data.overlap.some_clips import COARSE, copied, frames, write
from tests.data.overlap.test_traces import way
from tta_bench.data.overlap.find import find_overlap


def test_copies_between_two_corpora_and_within_one(tmp_path: Path) -> None:
    first = {f"a{seed}": write(tmp_path / f"a{seed}.avi", frames(way(seed), 0, 3)) for seed in range(3)}
    made = (copied(frame, (0.5, 0.5), 0.92, 120) for frame in frames(way(1), 0, 3))
    second = {
        "copy": write(tmp_path / "copy.mp4", made, COARSE),
        "new": write(tmp_path / "new.avi", frames(way(8), 0, 3)),
    }
    (tmp_path / "broken.avi").write_bytes(b"no video")
    second["broken"] = tmp_path / "broken.avi"
    found = find_overlap(first, second, workers=2)
    assert [(pair.a, pair.b, pair.mirrored) for pair in found.pairs] == [("a1", "copy", False)]
    assert found.overlapping == ["copy"]
    assert found.clips == (3, 2)
    assert list(found.broken) == ["broken"]
    within = find_overlap(first | second)
    assert [(pair.a, pair.b) for pair in within.pairs] == [("a1", "copy")]

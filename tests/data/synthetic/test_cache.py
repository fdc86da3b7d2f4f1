from __future__ import annotations

import ast
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest

from tta_bench.data.datasets.ucf101 import UCF101
from tta_bench.data.synthetic import ucf101
from tta_bench.data.synthetic.cache import DIGESTS, file_digests, sample_root
from tta_bench.data.synthetic.ucf101 import (
    SampleSettings,
)

SMALL = {"groups": 2, "test_groups": 1, "clips": 1, "frames": 6, "width": 32, "height": 24}


def test_root_is_made_once_and_named_by_its_settings(tmp_path: Path) -> None:
    root = sample_root(tmp_path / "cache", "ucf101_sample", "UCF101", SMALL)
    stamp = (root / "ucfTrainTestlist" / "classInd.txt").stat().st_mtime_ns
    assert root.parent == tmp_path / "cache"
    assert root.name.startswith("ucf101_sample-")
    assert sample_root(tmp_path / "cache", "ucf101_sample", "UCF101", asdict(SampleSettings(**SMALL))) == root
    assert (root / "ucfTrainTestlist" / "classInd.txt").stat().st_mtime_ns == stamp
    assert sample_root(tmp_path / "cache", "ucf101_sample", "UCF101", SMALL | {"seed": 1}) != root
    assert UCF101(root).splits == (1,)


@pytest.mark.parametrize("harm", ["changed", "exchanged", "deleted", "added", "untold", "untold in part"])
def test_a_sample_that_is_not_as_it_was_made_is_named_and_made_again(
    harm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = sample_root(tmp_path, "sample", "UCF101", SMALL)
    made = file_digests(root)
    one, other = sorted((root / "UCF-101").rglob("*.avi"))[:2]
    before = one.stat()
    match harm:
        case "changed":
            one.write_bytes(one.read_bytes()[:-1] + b"x")
            os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
        case "exchanged":
            kept = one.read_bytes()
            one.write_bytes(other.read_bytes())
            other.write_bytes(kept)
        case "deleted":
            one.unlink()
        case "added":
            (one.parent / "v_MoveLeft_g09_c01.avi").write_bytes(b"more")
        case "untold":
            (root / DIGESTS).unlink()
        case _:
            (root / DIGESTS).write_text("[1, 2")
    capsys.readouterr()
    assert sample_root(tmp_path, "sample", "UCF101", SMALL) == root
    said = capsys.readouterr().err
    assert "is not as it was made, and is made again" in " ".join(said.split())
    named = {"added": "v_MoveLeft_g09", "untold": DIGESTS, "untold in part": DIGESTS}.get(harm, one.stem)
    assert named in "".join(said.split())
    assert file_digests(root) == made
    assert sample_root(tmp_path, "sample", "UCF101", SMALL) == root
    assert not capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [root]


def test_two_may_ask_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        roots = set(pool.map(lambda _: sample_root(tmp_path, "sample", "UCF101", SMALL), range(3)))
    assert list(tmp_path.iterdir()) == list(roots)


def test_a_broken_off_generation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def stop(path: Path, *_: object) -> None:
        written.append(path)
        if len(written) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(ucf101, "write_video", stop)
    with pytest.raises(KeyboardInterrupt):
        sample_root(tmp_path, "sample", "UCF101", SMALL)
    assert list(tmp_path.iterdir()) == []


def imported_by(module: str) -> set[str]:
    """Return the modules that a module of the suite imports when it is imported, its own modules' imports included."""
    pending, names = [module], set[str]()
    while pending:
        spec = find_spec(pending.pop())
        assert spec is not None
        assert spec.origin is not None
        for node in ast.parse(Path(spec.origin).read_text()).body:
            found = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            pending += [name for name in found if name.startswith("tta_bench.") and name not in names]
            names |= set(found)
    return names


def test_a_sample_is_made_without_torch() -> None:
    names = imported_by("tta_bench.data.synthetic.cache")
    assert {"tta_bench.data.media.encode", "cv2", "av"} <= names
    assert not {name for name in names if name.split(".")[0] in ("torch", "torchvision", "timm")}

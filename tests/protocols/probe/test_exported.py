from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.protocols.probe.test_run import encoded, frozen, measured_once, own_cache, root, scores, warm
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.protocols.probe.exported import archive, export, read_manifest
from tta_bench.protocols.probe.run import Frozen

assert encoded
assert own_cache
assert measured_once
assert root
assert warm


def exported(run: Frozen, folder: Path) -> tuple[int, dict[str, str]]:
    return export(run.experiment, run.encoder, run.kinds, run.work_dir, folder)


@pytest.mark.usefixtures("encoded")
@pytest.mark.parametrize("head", ["knn", "linear", "probe"])
def test_a_head_on_exported_features_predicts_the_same_bit_for_bit(head: str, root: Path, tmp_path: Path) -> None:
    run, folder = frozen(root, tmp_path / "own", head), tmp_path / "features"
    (own,) = run.run()
    assert exported(run, folder) == (32, {})
    (record,) = frozen(root, tmp_path / "from", head, f"features.root={folder}").run()
    both = scores(own, tmp_path / "own"), scores(record, tmp_path / "from")
    assert both[0].tobytes() == both[1].tobytes()
    assert record.metrics == own.metrics
    assert record.identity.run_key == own.identity.run_key


@pytest.mark.usefixtures("encoded")
def test_the_manifest_names_backbone_windows_and_digests(root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, "probe")
    exported(run, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["identity"]["backbone"]["name"] == "videomaev2_vit_tiny"
    assert manifest["identity"]["windows"] == 2
    name, entry = next(iter(manifest["clips"].items()))
    assert entry["kinds"] == ["pooled", "tokens"]
    with np.load(tmp_path / "out" / entry["file"]) as arrays:
        assert (arrays["pooled"].shape, arrays["tokens"].shape) == ((2, 64), (2, 8, 64))
    assert archive(tmp_path / "out", name).is_file()


@pytest.mark.usefixtures("encoded")
def test_an_export_goes_on_where_it_stopped_and_makes_good_what_is_damaged(root: Path, tmp_path: Path) -> None:
    run = frozen(root, tmp_path, "knn")
    exported(run, tmp_path / "out")
    files = sorted((tmp_path / "out").glob("*.npz"))
    before = [file.read_bytes() for file in files]
    files[0].unlink()
    files[1].write_bytes(b"cut short")
    stamp = files[2].stat().st_mtime_ns
    exported(run, tmp_path / "out")
    assert [file.read_bytes() for file in files] == before
    assert files[2].stat().st_mtime_ns == stamp


@pytest.mark.usefixtures("encoded")
def test_features_of_something_else_are_refused(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"holds no manifest\.json"):
        frozen(root, tmp_path, "knn", f"features.root={out}").run()
    exported(frozen(root, tmp_path, "knn"), out)
    with pytest.raises(UserError, match="something else: clip differ"):
        frozen(root, tmp_path, "knn", f"features.root={out}", "clip.span=4").run()
    with pytest.raises(UserError, match="tokens features"):
        frozen(root, tmp_path, "probe", f"features.root={out}").run()
    with pytest.raises(UserError, match="Choose another folder|another backbone"):
        exported(frozen(root, tmp_path, "knn", "seed=1"), out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["clips"].popitem()
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="lacks the features of 1 of"):
        frozen(root, tmp_path, "knn", f"features.root={out}").run()
    (out / "manifest.json").write_text("nothing")
    with pytest.raises(UserError, match="is no manifest"):
        read_manifest(out)


def test_broken_videos_are_named_and_the_others_exported(tmp_path: Path) -> None:
    settings = SampleSettings(groups=2, test_groups=1, clips=1, frames=6, width=32, height=24)
    root = generate_ucf101_sample(tmp_path / "ucf101", settings)
    videos = sorted((root / "UCF-101").rglob("*.avi"))
    videos[0].write_bytes(b"no video")
    count, broken = exported(frozen(root, tmp_path, "knn"), tmp_path / "out")
    assert (count, list(broken)) == (15, [videos[0].stem])
    assert read_manifest(tmp_path / "out")["identity"] is not None

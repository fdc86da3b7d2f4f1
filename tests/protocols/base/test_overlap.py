from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tta_bench import api
from tta_bench.cards.catalog import backbone_card
from tta_bench.cli.data_overlap import overlap
from tta_bench.config.resolve import resolve
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.models.build import build_backbone
from tta_bench.records.overlap import list_digest
from tta_bench.records.schema import Record
from tta_bench.records.verify import judge
from tta_bench.utils.files import sha256_of

SMALL = ("backbone=videomaev2_vit_tiny", "clip.size=16", "clip.frames=4", "clip.span=8", "runtime.workers=0")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SampleSettings(groups=2, test_groups=1, clips=1, frames=90, width=64, height=48)
    return generate_ucf101_sample(tmp_path_factory.mktemp("data") / "ucf101", settings)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "some.pth"
    clip = ResolvedClip(span=8, frames=4, stride=2, size=16)
    torch.save(build_backbone(backbone_card("videomaev2_vit_tiny"), clip).state_dict(), file)
    return file


def ids(root: Path) -> list[str]:
    """The ids of the clips to test on."""
    lines = (root / "ucfTrainTestlist" / "testlist01.txt").read_text().split()
    return [Path(line).stem for line in lines]


def findings(file: Path, overlapping: list[str], lists: list[str] | None) -> Path:
    document = {"corpora": ["my videos", "ucf101"], "clips": [9, 8], "overlapping": overlapping, "lists_sha256": lists}
    file.write_text(json.dumps(document))
    return file


def run(root: Path, work_dir: Path, weights: object, file: Path, protocol: str = "ucf101_knn") -> Record:
    words = (*SMALL, "train.steps=1", "train.batch=4") if protocol == "ucf101_ft" else SMALL
    given = (f"protocol={protocol}", f"data.root={root}", f"weights={weights}", f"data.overlap={file}", *words)
    (record,) = api.start(api.experiments(given, ())[0], work_dir, "missing").run()
    return record


@pytest.mark.parametrize(("protocol", "count"), [("ucf101_knn", 0), ("ucf101_ft", 3)])
def test_a_record_says_how_many_test_clips_the_pretraining_data_hold(
    protocol: str, count: int, root: Path, weights: Path, tmp_path: Path
) -> None:
    tested = ids(root)
    lists = [list_digest(["a"]), list_digest(tested)]
    file = findings(tmp_path / "found.json", [*tested[:count], "a clip to train on"], lists)
    record = run(root, tmp_path / "runs", weights, file, protocol)
    assert record.overlap is not None
    assert record.overlap.model_dump() == {
        "corpus": "my-videos",
        "clips": count,
        "of": len(tested),
        "sha256": sha256_of(file),
    }
    assert "data.overlap=found.json" in record.given
    assert judge(record, tmp_path / "runs" / "records").word != "FAILED"


def test_what_the_command_finds_is_what_a_run_takes_and_no_part_of_its_identity(
    root: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (seen := tmp_path / "my_videos").mkdir()
    (clip,) = root.rglob(f"{ids(root)[0]}.avi")
    (seen / "copy.avi").write_bytes(clip.read_bytes())
    file = tmp_path / "found.json"
    words = [str(seen), "ucf101", f"data.roots.ucf101={root}", "runtime.workers=1", "--into", str(file)]
    overlap.main(words, standalone_mode=False)
    record = run(root, tmp_path / "runs", weights, file)
    found = set(json.loads(file.read_text())["overlapping"])
    assert ids(root)[0] in found
    assert record.overlap is not None
    assert (record.overlap.corpus, record.overlap.clips) == ("my_videos", len(found & set(ids(root))))
    capsys.readouterr()
    other = findings(tmp_path / "other.json", [], [list_digest(["a"]), list_digest(ids(root))])
    assert run(root, tmp_path / "runs", weights, other).identity == record.identity
    assert "without these findings of data.overlap" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (["0" * 64, "1" * 64], r"found\.json is of other test clips: its 8 of ucf101 are neither the 8"),
        (["0" * 64, list_digest(["another"])], "is of other test clips"),
        (["0" * 64, "0" * 64], "compares the clips of one corpus with each other"),
        (None, "says not of which lists"),
    ],
)
def test_findings_of_other_lists_are_refused(
    lists: list[str] | None, said: str, root: Path, weights: Path, tmp_path: Path
) -> None:
    file = findings(tmp_path / "found.json", [], lists)
    with pytest.raises(UserError, match=said):
        run(root, tmp_path / "runs", weights, file)
    assert not list(tmp_path.glob("runs/records/*"))


def test_without_weights_or_a_test_list_there_is_nothing_to_say(root: Path, tmp_path: Path) -> None:
    file = findings(tmp_path / "found.json", [], ["0" * 64, list_digest(ids(root))])
    with pytest.raises(UserError, match="weights=none have seen nothing"):
        run(root, tmp_path / "runs", "none", file)
    for protocol in ("tta_pretrain", "tta_scaling"):
        with pytest.raises(UserError, match="data.overlap is about the test clips of given weights"):
            resolve([f"protocol={protocol}", f"data.overlap={file}"])

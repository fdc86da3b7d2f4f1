from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.clips import write_video
from tta_bench import api
from tta_bench.errors import UserError
from tta_bench.protocols.scaling.run import Scaling


def study(work_dir: Path, *words: str) -> Scaling:
    [experiment] = api.experiments(("protocol=tta_scaling", *words), ())
    found = api.start(experiment, work_dir, "missing")
    assert isinstance(found, Scaling)
    return found


@pytest.fixture
def small(registry: Path) -> list[str]:
    """Words of a study on a corpus of 16 small clips, judged on a small sample in UCF101's layout."""
    sample = "groups: 2, test_groups: 1, clips: 1, frames: 8, width: 32, height: 24"
    cards = {
        "datasets/small_corpus": f"_base_: tiktok_actions_sample, generator: {{{sample}}}",
        "datasets/small_videos": f"_base_: ucf101_sample, generator: {{{sample}}}",
        "protocols/small_pretrain": "_base_: tta_pretrain, sample: {clip: {span: 8, size: 16}}",
        "protocols/small_ft": "_base_: ucf101_ft, sample: {dataset: small_videos, clip: {span: 8, size: 16}, "
        "recipes: {vit: {batch: 8}}}",
        "protocols/small_knn": "_base_: ucf101_knn, sample: {dataset: small_videos, clip: {span: 8, size: 16}}",
    }
    for name, fields in cards.items():
        (registry / name).parent.mkdir(exist_ok=True)
        (registry / f"{name}.yaml").write_text(f"{{{fields}, name: {name.partition('/')[2]}}}")
    words = ["dataset=small_corpus", "study.pretrain=small_pretrain", "study.then=small_ft", "runtime.workers=0"]
    return [*words, "study.steps=1", "study.then_steps=1", "study.labels=8"]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ("study.sizes=16,17", "a part of 17 clips was asked for, and the corpus has 16: 1 too many"),
        ("study.sizes=4,16", "4 clips do not fill one step of 8 videos"),
    ],
)
def test_sizes_are_refused_before_anything_is_spent(small: list[str], sizes: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        study(tmp_path / "runs", *small, sizes).run()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seed=1", "takes no seed="),
        ("weights=none", "takes no weights="),
        ("study.then=tta_pretrain", "study.then=tta_pretrain is no protocol for that"),
        ("study.pretrain=ucf101_ft", "study.pretrain=ucf101_ft is no protocol for that"),
        ("study.then=ucf101_f", "Did you mean 'ucf101_ft'"),
    ],
)
def test_words_that_make_no_study(word: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        study(tmp_path, word)
    assert message in str(caught.value)


def test_a_dataset_that_is_no_corpus(small: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="small_videos is no corpus"):
        study(tmp_path, "dataset=small_videos", *small[1:]).run()


def test_what_the_fine_tune_lacks_is_said_first(tmp_path: Path, registry: Path) -> None:
    (registry / "protocols").mkdir()
    (registry / "protocols" / "small_pretrain.yaml").write_text(
        "{_base_: tta_pretrain, name: small_pretrain, full: {recipes: {vit: {batch: 2}}}}"
    )
    (tmp_path / "corpus").mkdir()
    for number in range(4):
        write_video(tmp_path / "corpus" / f"{number}.mp4", 8 + number)
    words = ["dataset=videos", f"data.root={tmp_path}/corpus", "backbone=videomaev2_vit_tiny", "study.sizes=2,4"]
    with pytest.raises(UserError, match="ucf101 is not on this machine"):
        study(tmp_path / "runs", *words, "study.pretrain=small_pretrain").run()
    assert not list((tmp_path / "runs").glob("*/checkpoint.pt"))


def test_a_size_0_is_no_pretraining(small: list[str], tmp_path: Path) -> None:
    found = study(tmp_path, *small, "study.sizes=8,0", "study.seeds=3")
    records = found.run()
    assert [record.identity.weights is None for record in records] == [True, False]
    assert {record.identity.seed for record in records} == {3}
    assert (found.folder / "curve.svg").is_file()
    assert "| none |" in (found.folder / "table.md").read_text()
    assert [record.identity.run_key for record in found.run()] == [record.identity.run_key for record in records]


def test_several_judges_of_one_pretraining(small: list[str], tmp_path: Path) -> None:
    words = [word.replace("study.then=small_ft", "study.then=small_knn,small_ft") for word in small]
    found = study(tmp_path, *words, "study.sizes=8", "study.seeds=0")
    assert found.study.judges == ("small_knn", "small_ft")
    records = found.run()
    assert [record.identity.protocol.name for record in records] == ["small_knn", "small_ft"]
    assert len({record.identity.weights.sha256 for record in records if record.identity.weights}) == 1
    assert len(list(tmp_path.glob("small_pretrain-*"))) == 1
    page = (found.folder / "table.md").read_text()
    assert page.index("judged by small_knn.") < page.index("judged by small_ft, 8 labelled clips.")
    findings = found.findings()
    assert findings is not None
    assert list(findings.figures) == ["small_knn", "small_ft"]
    assert {path.name for path in found.folder.glob("*.svg")} == {"curve-small_knn.svg", "curve-small_ft.svg"}

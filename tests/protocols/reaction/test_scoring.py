from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from tta_bench.cards.catalog import dataset_card
from tta_bench.config.prediction_file import resolve_scores
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, plan, write_table
from tta_bench.errors import UserError
from tta_bench.protocols.reaction.challenge_files import write_outputs
from tta_bench.protocols.reaction.scoring import score_reaction_file, truth_of_dataset, truth_of_record
from tta_bench.records.schema import Record
from tta_bench.records.store import record_files
from tta_bench.records.verify import verify_record

SETTINGS = ReactionSampleSettings(val_subjects=5, val_clips=4)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Tables in the form of ABAW5, with 20 clips of Val, without the clips."""
    (tmp_path / "hume").mkdir()
    write_table(tmp_path / "hume" / "data_info.csv", list(plan(SETTINGS)))
    return tmp_path / "hume"


@pytest.fixture
def outputs() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Ids, outputs and labels of the part val."""
    val = [clip for clip in plan(SETTINGS) if clip.part == "val"]
    targets = np.array([clip.targets for clip in val])
    noise = np.random.default_rng(0).normal(0, 0.3, targets.shape)
    return [clip.id for clip in val], (targets + noise).astype(np.float32), targets


def score(work_dir: Path, *words: object) -> Record:
    return score_reaction_file(resolve_scores(["protocol=abaw_eri", *map(str, words)]), work_dir)


def official(values: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean([pearsonr(values[:, i], targets[:, i])[0] for i in range(len(EMOTIONS))]))


def test_a_challenge_file_is_scored_against_the_tables(root: Path, outputs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ids, values, targets = outputs
    write_outputs(tmp_path / "team.csv", ids, values, EMOTIONS)
    record = score(tmp_path, f"predictions={tmp_path / 'team.csv'}", f"data.root={root}")
    metric = record.metrics["pearson"]
    assert metric.value == pytest.approx(official(values.astype(float), targets), abs=1e-7)
    assert (metric.n, metric.n_groups, metric.resampled) == (20, 5, "groups")
    assert (record.identity.split, record.identity.dataset.splits) == ("val", ("val",))
    assert (record.origin, record.identity.standard, record.identity.tier) == ("scored", False, "full")
    assert "20 val clips, and 4,657 are official" in str(record.identity.dataset.differs)
    assert record.given == ("protocol=abaw_eri", "predictions=team.csv", "data.root=<data.root>")
    assert list(record.per_class) == list(EMOTIONS)


def test_nothing_of_labels_or_subjects_is_kept(root: Path, outputs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ids, values, _ = outputs
    write_outputs(tmp_path / "team.csv", ids, values, EMOTIONS)
    record = score(tmp_path, f"predictions={tmp_path / 'team.csv'}", f"data.root={root}")
    assert (record.outcomes, record.verifiable_with) == (None, "data.root")
    (kept,) = (tmp_path / "records").glob("*.npz")
    with np.load(kept) as file:
        assert sorted(file.files) == ["emotions", "ids", "outputs"]
    assert verify_record(record, tmp_path / "records") == ("nothing", [])
    truth = truth_of_record(record, {"data.root": str(root)})
    assert verify_record(record, tmp_path / "records", truth=truth) == ("predictions", [])


@pytest.mark.parametrize("form", ["data_info.csv", "labels.csv"])
def test_a_labels_file_takes_the_place_of_the_dataset(root: Path, outputs, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    ids, values, targets = outputs
    labels = root / "data_info.csv"
    if form == "labels.csv":
        labels = tmp_path / form
        write_outputs(labels, ids, targets, EMOTIONS)
    write_outputs(tmp_path / "team.csv", ids[::-1], values[::-1], EMOTIONS, "{id}")
    record = score(tmp_path, f"predictions={tmp_path / 'team.csv'}", f"labels={labels}")
    assert record.metrics["pearson"].value == pytest.approx(official(values.astype(float), targets), abs=1e-6)
    assert (record.identity.standard, record.outcomes, record.verifiable_with) == (False, None, "labels")
    assert record.metrics["pearson"].resampled == ("groups" if form == "data_info.csv" else "samples")
    truth = truth_of_record(record, {"labels": str(labels)})
    assert verify_record(record, tmp_path / "records", truth=truth) == ("predictions", [])
    assert truth_of_record(record, {}) is None


def test_a_constant_emotion_counts_nothing_and_is_reported(root: Path, outputs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ids, values, _ = outputs
    flat = values.copy()
    flat[:, 3] = 0.25
    for name, cells in (("whole", values), ("flat", flat)):
        write_outputs(tmp_path / f"{name}.csv", ids, cells, EMOTIONS)
    whole, record = (
        score(tmp_path, f"predictions={tmp_path / name}.csv", f"data.root={root}") for name in ("whole", "flat")
    )
    assert record.undefined == ("Disgust",)
    assert record.metrics["pearson"].value == pytest.approx(
        whole.metrics["pearson"].value - whole.per_class["Disgust"] / 7
    )


def test_the_test_part_is_not_scored_without_its_labels(root: Path, outputs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ids, values, _ = outputs
    write_outputs(tmp_path / "team.csv", ids, values, EMOTIONS)
    with pytest.raises(UserError, match="the part test of hume_reaction has no labels"):
        score(tmp_path, f"predictions={tmp_path / 'team.csv'}", f"data.root={root}", "eval.split=test")
    assert record_files(tmp_path / "records") == []


def test_a_part_named_is_scored_but_not_standard(tmp_path: Path) -> None:
    hidden = [clip for clip in plan(SETTINGS) if clip.part == "test"]
    table = tmp_path / "organisers.csv"
    labels = np.random.default_rng(1).random((len(hidden), len(EMOTIONS)))
    rows = [[f"[{clip.id}]", "Test", *map(str, row)] for clip, row in zip(hidden, labels, strict=True)]
    table.write_text("\n".join(map(",".join, [["File_ID", "Split", *EMOTIONS], *rows])))
    write_outputs(tmp_path / "test.csv", [clip.id for clip in hidden], labels + 0.1, EMOTIONS)
    record = score(tmp_path, f"predictions={tmp_path / 'test.csv'}", f"labels={table}", "eval.split=test")
    assert (record.identity.split, record.n_scored, record.identity.standard) == ("test", 8, False)
    assert record.metrics["pearson"].value == pytest.approx(1)


def test_truth_of_the_whole_dataset(root: Path) -> None:
    asked = resolve_scores(["protocol=abaw_eri", f"predictions={root / 'data_info.csv'}", f"data.root={root}"])
    truth = truth_of_dataset(asked.dataset, root, "val")
    assert truth.emotions == EMOTIONS
    assert truth.groups is not None
    assert len(truth.targets) == len(truth.groups) == 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval.split=dev"], "eval.split=dev"),
        (["split=2"], "has no split 2"),
        (["eval.splits=test"], "Did you mean 'eval.split'"),
    ],
)
def test_wrong_words_are_answered(root: Path, words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve_scores(["protocol=abaw_eri", f"predictions={root / 'data_info.csv'}", f"data.root={root}", *words])
    assert message in str(caught.value)


def test_a_protocol_with_splits_has_no_parts(root: Path) -> None:
    with pytest.raises(UserError, match="unknown key 'eval.split'"):
        resolve_scores(["protocol=ucf101_ft", f"predictions={root / 'data_info.csv'}", "tier=sample", "eval.split=val"])


def test_the_form_of_muse_2022_gives_the_same_truth(root: Path, tmp_path: Path) -> None:
    labelled = [clip for clip in plan(SETTINGS) if clip.part != "test"]
    (tmp_path / "muse").mkdir()
    targets = np.array([clip.targets for clip in labelled])
    write_outputs(tmp_path / "muse" / "labels.csv", [clip.id for clip in labelled], targets, EMOTIONS)
    names = {"train": "train", "val": "devel", "test": "test"}
    rows = ["Id,Proposal", *(f"[{clip.id}],{names[clip.part]}" for clip in plan(SETTINGS))]
    (tmp_path / "muse" / "partition.csv").write_text("\n".join(rows))
    abaw, muse = (truth_of_dataset(dataset_card("hume_reaction"), place, "val") for place in (root, tmp_path / "muse"))
    assert abaw.targets.keys() == muse.targets.keys()
    assert all(muse.targets[name] == pytest.approx(abaw.targets[name], abs=1e-6) for name in abaw.targets)
    assert (abaw.groups is None, muse.groups) == (False, None)

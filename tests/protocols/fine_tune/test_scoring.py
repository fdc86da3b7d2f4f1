from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tta_bench.config.prediction_file import resolve_scores
from tta_bench.data.datasets.ucf101 import UCF101
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.protocols.fine_tune.scoring import score_class_file
from tta_bench.records.schema import Record
from tta_bench.records.store import record_files
from tta_bench.records.verify import verify_record


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset in UCF101's layout, with 16 test clips."""
    settings = SampleSettings(groups=2, test_groups=1, clips=2, frames=4, width=32, height=24)
    return generate_ucf101_sample(tmp_path_factory.mktemp("data") / "ucf101", settings)


@pytest.fixture(scope="module")
def scores(root: Path) -> tuple[tuple[str, ...], list[str], list[str], np.ndarray]:
    """Classes, ids, labels, and scores that are right for 12 of the 16 clips."""
    layout = UCF101(root)
    test = layout.split(1).test
    cells = np.random.default_rng(0).random((len(test), len(layout.classes))).round(3)
    for place, sample in enumerate(test):
        cells[place, sample.label if place % 4 else (sample.label + 1) % 8] += 1
    return layout.classes, [s.id for s in test], [layout.classes[s.label] for s in test], cells


def write_csv(path: Path, columns: tuple[str, ...], ids: list[str], cells: np.ndarray) -> Path:
    lines = [
        ",".join(("id", *columns)),
        *(",".join([name, *map(str, row)]) for name, row in zip(ids, cells, strict=True)),
    ]
    path.write_text("\n".join(lines))
    return path


def score(work_dir: Path, *words: object) -> Record:
    return score_class_file(resolve_scores(["protocol=ucf101_ft", *map(str, words)]), work_dir)


def test_a_file_is_scored_against_the_official_list(root: Path, scores, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    classes, ids, _, cells = scores
    path = write_csv(tmp_path / "my net.csv", classes, ids, cells)
    record = score(tmp_path, f"predictions={path}", f"data.root={root}")
    assert record.metrics["top1"].value == 0.75
    assert (record.origin, record.identity.standard, record.identity.tier) == ("scored", False, "full")
    assert "0 of 3,783 official test clips; 3,783 missing" in str(record.identity.dataset.differs)
    assert (record.identity.backbone, record.environment) == ("my-net", None)
    assert record.given == ("protocol=ucf101_ft", "predictions=my net.csv", "data.root=<data.root>")
    assert (record.metrics["top1"].n, record.metrics["top1"].n_groups) == (16, 8)
    assert verify_record(record, tmp_path / "records") == ("predictions", [])


def test_order_and_form_of_the_file_do_not_matter(root: Path, scores, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    classes, ids, _, cells = scores
    plain = write_csv(tmp_path / "a.csv", classes, ids, cells)
    turned = write_csv(tmp_path / "b.csv", classes[::-1], [f"x/{name}.avi" for name in ids[::-1]], cells[::-1, ::-1])
    np.savez(tmp_path / "c.npz", ids=ids, scores=cells, classes=classes)
    records = [
        score(tmp_path / path.stem, f"predictions={path}", f"data.root={root}", "backbone=net")
        for path in (plain, turned, tmp_path / "c.npz")
    ]
    assert len({record.predictions.sha256 for record in records if record.predictions}) == 1
    assert len({record.identity.run_key for record in records}) == 3


def test_a_file_of_best_classes(root: Path, scores, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    classes, ids, _, cells = scores
    best = np.array(classes)[cells.argmax(axis=1)][:, None]
    record = score(tmp_path, f"predictions={write_csv(tmp_path / 'a.csv', ('class',), ids, best)}", f"data.root={root}")
    assert record.metrics["top1"].value == record.metrics["top5"].value == 0.75


def test_a_labels_file_takes_the_place_of_the_dataset(scores, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    classes, ids, labels, cells = scores
    given = write_csv(tmp_path / "labels.csv", ("label",), ids, np.array(labels)[:, None])
    path = write_csv(tmp_path / "a.csv", classes, ids, cells)
    record = score(tmp_path, f"predictions={path}", f"labels={given}", "split=2")
    assert record.metrics["top1"].value == 0.75
    assert not record.identity.standard
    assert record.metrics["top1"].n_groups == 16  # no groups were given
    fewer = write_csv(tmp_path / "fewer.csv", classes[1:], ids, cells[:, 1:])
    with pytest.raises(UserError, match="1 classes of .* have no column: CircleClockwise"):
        score(tmp_path, f"predictions={fewer}", f"labels={given}")


def test_missing_repeated_and_strange_ids_are_counted_and_nothing_is_written(
    root: Path, scores, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    classes, ids, _, cells = scores
    wrong = [*ids[2:], ids[3], "v_Other_g01_c01"]
    path = write_csv(tmp_path / "a.csv", classes, wrong, cells)
    with pytest.raises(UserError, match=f"2 missing: {ids[0]}, {ids[1]}; 1 repeated: {ids[3]}; 1 not of this split"):
        score(tmp_path, f"predictions={path}", f"data.root={root}")
    cells = cells.copy()
    cells[0, 0] = np.nan
    path = write_csv(tmp_path / "a.csv", classes, ids, cells)
    with pytest.raises(UserError, match=f"1 samples have a score that is not a finite number: {ids[0]}"):
        score(tmp_path, f"predictions={path}", f"data.root={root}")
    assert record_files(tmp_path / "records") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no protocol named"),
        (["protocol=ucf101_ft"], "no predictions named"),
        (["protocol=ucf101_f", "predictions=P"], "unknown protocol 'ucf101_f'"),
        (["protocol=ucf101_ft", "predictions=P", "lables=L"], "unknown key 'lables'"),
        (["protocol=ucf101_ft", "predictions=gone.csv"], r"there is no file gone\.csv"),
        (["protocol=ucf101_ft", "predictions=P", "tier=full"], "no data root is configured"),
        (["protocol=ucf101_ft", "predictions=P", "labels=P", "split=4"], "ucf101 has no split 4"),
        (["protocol=ucf101_ft", "predictions=P", "labels=P", "split=1,2"], "scores of one split, and split=1,2 was"),
        (["protocol=ucf101_ft", "predictions=P", "labels=P", "seed=-1"], "seed"),
        (["protocol=ucf101_ft", "predictions=P", "labels=P", "tier=ful"], "tier"),
    ],
)
def test_wrong_words_are_answered(tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "P.csv").write_text("id,a,b\n")
    with pytest.raises(UserError, match=message):
        resolve_scores([word.replace("=P", f"={tmp_path / 'P.csv'}") for word in words])


def test_clips_whose_source_was_trained_on_are_told_apart(tmp_path: Path) -> None:
    """One's own list: two of four test clips share their tape with a training clip."""
    rows = ["path,label,split,group", "a.mp4,wave,train,tape1", "b.mp4,jump,train,tape2"]
    for name, label, tape in (("c", "wave", 1), ("d", "jump", 2), ("e", "wave", 3), ("f", "jump", 4)):
        rows.append(f"{name}.mp4,{label},test,tape{tape}")
    for name in "abcdef":
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "list.csv").write_text("\n".join(rows))
    (tmp_path / "P.csv").write_text("id,class\nc.mp4,wave\nd.mp4,jump\ne.mp4,jump\nf.mp4,jump\n")
    record = score(tmp_path, f"predictions={tmp_path / 'P.csv'}", "dataset=csv", f"data.root={tmp_path / 'list.csv'}")
    assert (record.metrics["top1"].value, record.metrics["top1_unleaked"].value) == (0.75, 0.5)
    assert not record.identity.standard

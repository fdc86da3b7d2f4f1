from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tta_bench.errors import UserError
from tta_bench.protocols.fine_tune.score_files import (
    ClassScores,
    columns_as_listed,
    ids_as_listed,
    read_class_scores,
    read_labels,
)

CLASSES = ("Archery", "Diving", "Surfing")


def write(folder: Path, text: str) -> Path:
    path = folder / "file.csv"
    path.write_bytes(text.encode())
    return path


def test_a_column_for_each_class_in_any_order(tmp_path: Path) -> None:
    text = "\ufeffSurfing, id ,Archery,Diving\r\n0.1,v2,0.2,0.7\r\n\r\n3,v1,-1,1e-3\r\n"
    found = read_class_scores(write(tmp_path, text))
    assert found.ids == ("v2", "v1")
    assert columns_as_listed(found, CLASSES).tolist() == pytest.approx(np.array([[0.2, 0.7, 0.1], [-1, 1e-3, 3]]))


def test_only_the_best_class(tmp_path: Path) -> None:
    found = read_class_scores(write(tmp_path, "class,id\nSurfing,v1\nArchery,v2\n"))
    assert found.best_only
    assert columns_as_listed(found, CLASSES).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    scores = np.array([[0.5, 0.25, 0.25]], np.float16)
    np.savez(path, ids=np.array(["v1"]), scores=scores, classes=np.array(CLASSES[::-1]), more=np.zeros(3))
    found = read_class_scores(path)
    assert columns_as_listed(found, CLASSES).tolist() == [[0.25, 0.25, 0.5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column id; it has none"),
        ("id,Archery,Diving\n", "has no rows"),
        ("video,Archery,Diving\nv1,1,2\n", "has no column id; it has video, Archery, Diving"),
        ("id,Archery\nv1,1\n", "has only the columns id, Archery"),
        ("id,Archery,Archery\nv1,1,1\n", "several columns called Archery"),
        ("id,Archery,Diving\nv1,1\nv2,1,2,3\nv3,1,2\n", "3 columns, and 2 lines of another length: line 2, line 3"),
        ("id,Archery,Diving\nv1,1,high\nv2,1,\nv3,1,2\n", "2 samples have a score that is no number: v1, v2"),
    ],
)
def test_files_of_another_form_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_class_scores(write(tmp_path, text))


@pytest.mark.parametrize(
    "arrays",
    [
        {"ids": ["a"], "scores": [[1.0, 2.0]]},
        {"ids": ["a"], "scores": [1.0, 2.0], "classes": ["x", "y"]},
        {"ids": ["a", "b"], "scores": [[1.0, 2.0]], "classes": ["x", "y"]},
        {"ids": ["a"], "scores": [["1", "2"]], "classes": ["x", "y"]},
        {"ids": np.array([{}], object), "scores": [[1.0, 2.0]], "classes": ["x", "y"]},
    ],
)
def test_arrays_of_another_form_are_refused(tmp_path: Path, arrays: dict[str, object]) -> None:
    path = tmp_path / "scores.npz"
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"scores\.npz"):
        read_class_scores(path)


def test_what_is_no_npz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scores.npz").write_text("<html>")
    with pytest.raises(UserError, match="holds no scores"):
        read_class_scores(tmp_path / "scores.npz")


def test_columns_of_other_classes_are_named() -> None:
    scores = np.zeros((1, 2), np.float32)
    with pytest.raises(UserError, match=r"1 classes of the file are not among the 3 known ones: Divng") as caught:
        columns_as_listed(ClassScores(("v",), ("Archery", "Divng"), scores), CLASSES)
    assert caught.value.hint == "Did you mean 'Diving'?"
    with pytest.raises(UserError, match="no column for 1 of 3 classes: Surfing"):
        columns_as_listed(ClassScores(("v",), ("Archery", "Diving"), scores), CLASSES)


def test_ids_lose_what_the_list_does_not_have() -> None:
    given = ["v_A_g01", "A/v_A_g02.avi", "D:\\ucf\\A\\v_A_g03.MP4", "v.1", "other.txt"]
    assert ids_as_listed(given, ["v_A_g01", "v.1"]) == ["v_A_g01", "v_A_g02", "v_A_g03", "v.1", "other.txt"]
    assert ids_as_listed(["A/v.avi"], ["A/v.avi"]) == ["A/v.avi"]


def test_labels(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path, "id,label\nv1,Archery\n")).groups == ("v1",)
    found = read_labels(write(tmp_path, "group,id,label\ng1,v1,Archery\n"))
    assert (found.ids, found.labels, found.groups) == (("v1",), ("Archery",), ("g1",))
    with pytest.raises(UserError, match="1 samples have no label: v2"):
        read_labels(write(tmp_path, "id,label\nv1,Archery\nv2,\n"))
    with pytest.raises(UserError, match="no column label"):
        read_labels(write(tmp_path, "id,class\nv1,Archery\n"))

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tta_bench.errors import UserError
from tta_bench.protocols.fine_tune.score_files import (
    ClassScores,
    Labels,
    columns_as_listed,
    read_class_scores,
    read_labels,
    require_classes,
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


def test_labels(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path, "id,label\nv1,Archery\n")).groups == ("v1",)
    found = read_labels(write(tmp_path, "group,id,label\ng1,v1,Archery\n"))
    assert (found.ids, found.labels, found.groups) == (("v1",), ("Archery",), ("g1",))
    with pytest.raises(UserError, match="1 samples have no label: v2"):
        read_labels(write(tmp_path, "id,label\nv1,Archery\nv2,\n"))
    with pytest.raises(UserError, match="no column label"):
        read_labels(write(tmp_path, "id,class\nv1,Archery\n"))


def labels_of(*names: str, spare: tuple[str, ...] = ()) -> Labels:
    ids = tuple(f"v{number}" for number in range(len(names)))
    return Labels(ids, names, ids, spare)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["Archery", "Diving", "n_frames"], "n_frames.*\nLeave out what is no class"),
        (["Archery", "Diving", "Unnamed: 0"], "Unnamed: 0"),
        (["index", "Archery", "Diving"], "index"),
        (
            ["Archery", "Diving", "pred", "fps", "label_id"],
            "3 columns are the label of no sample .*: pred, fps, label_id",
        ),
        (["ARCHERY", "Diving"], "ARCHERY; 1 classes .* Archery.\nWrite 'Archery' for 'ARCHERY'"),
        (["Archery", "Diving", "Diving.1"], r"Diving\.1"),
        (["0", "1"], "These are numbers; write the classes' names"),
        (["Archery"], "1 classes of labels.csv have no column: Diving"),
    ],
)
def test_a_column_that_is_no_class_is_refused_by_name(columns: list[str], message: str) -> None:
    given = ClassScores(("v0",), tuple(columns), np.zeros((1, len(columns))))
    with pytest.raises(UserError, match=f"(?s){message}"):
        require_classes(given, labels_of("Archery", "Diving"), Path("labels.csv"))


@pytest.mark.parametrize("best", ["archery", "Diving ", "3", "-1", "Swimming"])
def test_so_is_a_best_class_that_no_sample_has(best: str) -> None:
    given = ClassScores(("v0",), (best,), np.ones((1, 1)), best_only=True)
    with pytest.raises(UserError, match=best):
        require_classes(given, labels_of("Archery", "Diving"), Path("labels.csv"))


def test_a_class_without_a_sample_is_named_by_a_line_of_the_labels(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, "id,label\nv1,Archery\n,Diving\nv2,Surfing\n"))
    assert (labels.ids, labels.spare, labels.classes) == (("v1", "v2"), ("Diving",), CLASSES)
    require_classes(ClassScores(("v1",), CLASSES, np.zeros((1, 3))), labels, Path("labels.csv"))


@pytest.mark.parametrize("text", [",id,Archery,Diving\n0,v1,1,2\n", "id,Archery,,Diving\nv1,1,0,2\n"])
def test_a_column_without_a_name_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="has no name, so it is no class"):
        read_class_scores(write(tmp_path, text))


def test_doubles_keep_their_precision_and_classes_stand_once(tmp_path: Path) -> None:
    found = read_class_scores(write(tmp_path, "id,Archery,Diving,Surfing\nv1,1e-300,2e-300,0\n"))
    assert columns_as_listed(found, CLASSES).tolist() == [[1e-300, 2e-300, 0]]
    np.savez(tmp_path / "s.npz", ids=["v1"], scores=np.zeros((1, 2)), classes=["a", "a"])
    with pytest.raises(UserError, match="several classes called a"):
        read_class_scores(tmp_path / "s.npz")


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        (b"\x80\x04\x95", "a pickle, which is never opened"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"PAR1", "a Parquet file"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"\x1f\x8b\x08", "compressed by gzip"),
    ],
)
def test_a_file_that_is_no_text_is_called_by_its_kind(tmp_path: Path, begin: bytes, kind: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(begin + bytes(range(256)))
    for read in (read_class_scores, read_labels):
        with pytest.raises(UserError, match=kind):
            read(path)


@pytest.mark.parametrize(
    ("cell", "said", "way_out"),
    [
        ("12.5%", "Archery of b is '12.5%'", "signs %"),
        ('"0,25"', "Archery of b is '0,25'", "with a point"),
        ("yes", "Archery of b is 'yes'", "Expected"),
        ("", "Archery of b is ''", "Expected"),
    ],
)
def test_a_score_that_is_no_number_is_shown_with_its_column(tmp_path: Path, cell: str, said: str, way_out: str) -> None:
    path = write(tmp_path, f"id,Archery,Diving\na,1,2\nb,{cell},2\n")
    with pytest.raises(UserError, match=said) as caught:
        read_class_scores(path)
    assert way_out in caught.value.hint


def test_a_column_of_words_is_said_to_be_no_class(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="source of a is 'x'") as caught:
        read_class_scores(write(tmp_path, "id,Archery,Diving,source\na,1,2,x\nb,1,2,y\n"))
    assert caught.value.hint == "If source is no class, leave that column out."


def test_bytes_of_hdf5_files_are_texts(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", ids=np.array([b"a", b"b"]), scores=np.eye(2), classes=np.array(["é".encode(), b"y"]))
    found = read_class_scores(tmp_path / "s.npz")
    assert (found.ids, found.classes) == (("a", "b"), ("é", "y"))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"ids": np.array(["a", "b"], object)}, "ids is an array of Python objects"),
        ({"scores": np.eye(2).astype(object)}, "scores is an array of Python objects"),
        ({"scores": np.eye(2, dtype=bool)}, "type bool"),
        ({"scores": np.eye(2) + 0j}, "type complex128"),
        ({"classes": np.array([b"\xff\xfex", b"y"])}, "no UTF-8"),
    ],
)
def test_arrays_of_another_type_are_named(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    whole = {"ids": np.array(["a", "b"]), "scores": np.eye(2), "classes": np.array(["x", "y"])}
    np.savez(tmp_path / "s.npz", **(whole | arrays))
    with pytest.raises(UserError, match=said):
        read_class_scores(tmp_path / "s.npz")


def test_arrays_of_other_names_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", ids=np.array(["a"]), logits=np.eye(1), classes=np.array(["x"]))
    with pytest.raises(UserError, match="holds no array scores; it has classes, ids, logits"):
        read_class_scores(tmp_path / "s.npz")

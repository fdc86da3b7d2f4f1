from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tta_bench.cards.catalog import backbone_card
from tta_bench.errors import UserError
from tta_bench.models.backbones.feature_files import FeatureFiles
from tta_bench.registry import BACKBONES


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_openface_columns_that_say_when_and_how_sure_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "frame, face_id, timestamp, confidence, success, AU01_r, AU02_r",
        "1, 0, 0.000, 0.98, 1, 0.5, 1.5",
        "2, 0, 0.033, 0.97, 1, 2.5, 3.5",
    )
    np.testing.assert_array_equal(FeatureFiles("OpenFace")(path), [[0.5, 1.5], [2.5, 3.5]])


def test_py_feats_gaps_are_nan_and_its_words_no_features(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", ",frame,AU01,anger,input", "0,0,0.25,0.5,clip.mp4", "1,1,,nan,clip.mp4", "2,2,1,0,clip.mp4"
    )
    np.testing.assert_array_equal(FeatureFiles("py-feat")(path), [[0.25, 0.5], [np.nan, np.nan], [1, 0]])


def test_muses_first_two_columns_are_no_features_whatever_they_are_called(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "one,two,neuron_0,neuron_1", "0,7,0.5,1", "500,7,2,3")
    backbone = BACKBONES.get("FeatureFiles")(**backbone_card("features/DeepSpectrum").arguments)
    np.testing.assert_array_equal(backbone(path), [[0.5, 1], [2, 3]])
    assert FeatureFiles("DeepSpectrum")(path).shape == (2, 4)


def test_any_folder_is_a_backbone() -> None:
    card = backbone_card("features/my_own")
    assert (card.modality, card.arguments) == ("features", {"name": "my_own"})
    assert BACKBONES.get(card.component)(**card.arguments).name == "my_own"


@pytest.mark.parametrize("shape", [(4,), (3, 4), (1, 4)])
def test_npy_has_one_or_two_dimensions(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    np.save(tmp_path / "a.npy", values)
    found = FeatureFiles("x")(tmp_path / "a.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.atleast_2d(values))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "has no features: 0 rows"),
        (("0.5,0.25,1e3", "1,2,3"), "has no header: its first line, '0.5', '0.25'"),
        (("-1;2", "1;2"), "has no header"),
        (("frame,name", "1,x"), "has no features: 1 rows of 0"),
        (("a,b", "1,2", "1"), "has 2 columns, and 1 lines of another length: line 3"),
        (("a,b", "1,2", "1,oops"), "words in columns of features: b"),
    ],
)
def test_files_without_features(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(UserError, match=message):
        FeatureFiles("x")(tmp_path / "a.csv")


def test_arrays_that_are_no_features(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    (tmp_path / "text.npy").write_text("text")
    for name, message in (
        ("objects", "cannot be read"),
        ("cube", r"\(2, 2, 2\)"),
        ("words", "not numbers"),
        ("text", "cannot be read"),
    ):
        with pytest.raises(UserError, match=message):
            FeatureFiles("x")(tmp_path / f"{name}.npy")


def test_a_header_alone_has_no_rows_and_semicolons_are_read(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("frame,AU01_r,AU02_r\n")
    assert FeatureFiles("x")(tmp_path / "empty.csv").shape == (0, 2)
    for number, sign in enumerate(";\t|"):
        (tmp_path / f"{number}.csv").write_text(
            "name;frameTime;F0;loudness\n'unknown';0.0;120.5;0.3\n".replace(";", sign)
        )
        np.testing.assert_allclose(FeatureFiles("x")(tmp_path / f"{number}.csv")[:, -2:], [[120.5, 0.3]])


def test_columns_that_pandas_numbered_are_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",0,1,2\n0,0.5,0.5,0.5\n1,0.5,0.5,0.5\n")
    assert FeatureFiles("x")(tmp_path / "a.csv").shape == (2, 3)

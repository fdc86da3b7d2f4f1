from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tta_bench.cards.catalog import weights_card
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.protocols.base.weights import find_weights, sha256_of
from tta_bench.utils.paths import cache_folder


def experiment(weights: str, backbone: str = "videomaev2_vit_b") -> Experiment:
    return resolve(["protocol=ucf101_ft", f"weights={weights}", f"backbone={backbone}"])[0]


def test_none_is_a_random_start(tmp_path: Path) -> None:
    assert find_weights(experiment("none"), tmp_path) is None


def test_a_file_is_known_by_its_name_and_digest(tmp_path: Path) -> None:
    file = tmp_path / "my weights.pth"
    file.write_bytes(b"abc")
    found = find_weights(experiment(str(file)), tmp_path)
    assert found is not None
    assert (found.path, found.sha256) == (file, hashlib.sha256(b"abc").hexdigest())
    assert "/" not in found.name


def test_a_run_is_known_by_the_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "some-run").mkdir()
    (tmp_path / "some-run/checkpoint.pt").write_bytes(b"abc")
    for choice in ("some-run", str(tmp_path / "some-run")):
        found = find_weights(experiment(choice), tmp_path)
        assert found is not None
        assert (found.name, found.path) == ("some-run", tmp_path / "some-run/checkpoint.pt")


def test_a_typo_names_the_nearest_card_or_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'tiktokactions_vit_b'"):
        find_weights(experiment("tiktokaction_vit_b"), tmp_path)


def test_weights_that_are_not_here_say_where_to_get_them(tmp_path: Path) -> None:
    card = weights_card("tiktokactions_vit_b")
    assert not (cache_folder() / "weights" / card.file).exists()
    with pytest.raises(UserError) as error:
        find_weights(experiment(card.name), tmp_path)
    assert card.address in str(error.value)
    assert f"tta-bench weights fetch {card.name}" in str(error.value)
    assert "weights=none" in str(error.value)


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fit videomaev2_vit_b, not resnet50"):
        find_weights(experiment("tiktokactions_vit_b", "resnet50"), tmp_path)


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"").hexdigest()

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.protocols.base.start_weights import CHECKPOINT, choose_file, require_weights, split_key, words_of_parts


def file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"abc")
    return path


def test_a_key_is_what_follows_the_last_colon_of_a_file_or_a_run(tmp_path: Path) -> None:
    plain, odd = file(tmp_path / "w.pth"), file(tmp_path / "a:b.pth")
    file(tmp_path / "runs" / "mine" / CHECKPOINT)
    runs = tmp_path / "runs"
    assert split_key(f"{plain}:model_ema", runs) == (str(plain), "model_ema")
    assert split_key("mine:model", runs) == ("mine", "model")
    assert split_key(str(odd), runs) == (str(odd), "")
    assert split_key(f"{odd}:x.y", runs) == (str(odd), "x.y")
    assert split_key("C:/nowhere.pth", runs) == ("C:/nowhere.pth", "")
    chosen = choose_file(f"{plain}:model_ema", "resnet50", runs)
    assert (chosen.name, chosen.path, chosen.key) == ("w.pth:model_ema", plain, "model_ema")


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("{0}/wights.pth", "there is no such file", "Did you mean 'weights.pth'?"),
        ("{0}/none/w.pth", "there is no folder", "a file that is there"),
        ("{0}", "is a folder, and in it are weights.pth", "weights={0}/weights.pth"),
        ("{0}/empty", "is a folder, and no file of weights is in it", "Say a file"),
        ("nope.pth", "there is no such file", "file of weights"),
        ("resnet50_in1", "is neither a card", "Did you mean 'resnet50_in1k'?"),
        ("nonne", "is neither a card", "Known: "),
        ("a" * 5000, "is no path that this machine can have", "Known: "),
    ],
)
def test_a_word_that_means_nothing_names_what_is_near_and_never_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, message: str, hint: str
) -> None:
    file(tmp_path / "weights.pth")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(UserError) as caught:
        choose_file(word.format(tmp_path), "resnet50", tmp_path / "runs")
    assert message in caught.value.message
    assert hint.format(tmp_path) in caught.value.hint
    assert "'none'" not in caught.value.hint


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["backbone=resnet50", "weights=nope.pth"], "there is no such file"),
        (["backbone=resnet50", "weights=videomae_vit_b_k400"], "fit videomaev2_vit_b, not resnet50"),
        (["backbone=resnet50+egemaps"], "2 joined ones, and ucf101_ft takes one backbone of video or images"),
        (["backbone=resnet50+"], "a name is missing beside a +"),
        (["backbone=egemaps"], "has no recipe for egemaps"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_spent(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("+", r"\+")):
        require_weights(resolve(["protocol=ucf101_ft", *words])[0], tmp_path)


def test_no_torch_is_loaded_to_say_so() -> None:
    program = "import sys, tta_bench.protocols.base.start_weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_of_joined_backbones_each_part_has_its_word() -> None:
    (experiment,) = resolve(["protocol=abaw_eri", "backbone=resnet50+egemaps"])
    words = [(word, part.name) for word, part in words_of_parts("w.pth", experiment.backbone)]
    assert words == [("w.pth", "resnet50"), ("none", "egemaps")]
    with pytest.raises(UserError, match="egemaps has no weights"):
        list(words_of_parts("none+w.pth", experiment.backbone))

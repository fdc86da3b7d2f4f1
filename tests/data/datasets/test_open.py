from __future__ import annotations

import contextlib
import json
import runpy
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

import tta_bench
from tests.data.clips import write_video
from tests.docs.test_pages import BLOCK, REPOSITORY
from tests.test_registry import DATASET, package
from tta_bench.api import experiments
from tta_bench.cards.catalog import dataset_card
from tta_bench.cli.data import open_videos
from tta_bench.config.prediction_file import resolve_scores
from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.corpus import Clip, Corpus
from tta_bench.data.datasets.layout import Layout, Sample, Split
from tta_bench.data.datasets.open import open_dataset
from tta_bench.data.datasets.own_videos import FolderDataset
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, plan, write_table
from tta_bench.errors import UserError
from tta_bench.protocols.fine_tune.scoring import score_class_file
from tta_bench.protocols.fine_tune.split import open_split
from tta_bench.protocols.pretrain.corpus import open_corpus
from tta_bench.protocols.reaction.scoring import truth_of_dataset
from tta_bench.registry import DATASETS, load_files

SMALL = {"backbone": "videomaev2_vit_tiny", "weights": "none", "runtime": {"workers": 0}}
SMALL |= {"train": {"batch": 4, "steps": 2, "views": 1}, "eval": {"segments": 2, "crops": 1}}


@pytest.fixture
def card(registry: Path, tmp_path: Path) -> Path:
    """The card of two datasets whose folders have other names than `FolderDataset` expects, and these datasets."""

    @DATASETS.register_module("TwoFolders", force=True)
    class TwoFolders(FolderDataset):
        def __init__(self, root: Path, train: str = "train", test: str = "test") -> None:
            for name, given in (("train", train), ("test", test)):
                if not (root / name).exists():
                    (root / name).symlink_to(root / given)
            super().__init__(root)

    @DATASETS.register_module("OneSuffix", force=True)
    class OneSuffix(Corpus):
        def __init__(self, root: Path, suffix: str) -> None:
            super().__init__(Clip(path.stem, path) for path in sorted(root.rglob(f"*{suffix}")))

    assert TwoFolders is not OneSuffix
    for name in ("seen/wave/a", "seen/clap/b", "unseen/wave/c", "unseen/clap/d"):
        path = tmp_path / "data" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, 16)
    (registry / "datasets").mkdir()
    write_card(registry, "two", "TwoFolders", "{train: seen, test: unseen}")
    write_card(registry, "one", "OneSuffix", "{suffix: .mp4}")
    return registry


def write_card(registry: Path, name: str, component: str, arguments: str) -> None:
    text = f"name: {name}\nsummary: s\ncomponent: {component}\ngroup: none\narguments: {arguments}\n"
    (registry / "datasets" / f"{name}.yaml").write_text(text)


def ids(clips: Iterable[Sample | Clip]) -> list[str]:
    return [Path(clip.id).stem for clip in clips]


def test_a_cards_arguments_reach_fine_tuning(card: Path, tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", "dataset=two", f"data.root={tmp_path / 'data'}"])
    split = open_split(experiment, tmp_path, 1)  # type: ignore[arg-type]
    assert (ids(split.train), ids(split.test)) == (["b", "a"], ["d", "c"])


def test_a_cards_arguments_reach_a_prediction_file_of_classes(card: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,class\ntest/clap/d.mp4,clap\ntest/wave/c.mp4,clap\n")
    words = ["protocol=ucf101_ft", "dataset=two", f"data.root={tmp_path / 'data'}", f"predictions={tmp_path / 'p.csv'}"]
    record = score_class_file(resolve_scores(words), tmp_path)
    assert record.metrics["top1"].value == 0.5


def test_a_cards_arguments_reach_pre_training_and_data_verify(card: Path, tmp_path: Path) -> None:
    root = f"data.root={tmp_path / 'data'}"
    (experiment,) = resolve(["protocol=tta_pretrain", "dataset=one", root])
    assert ids(open_corpus(experiment, tmp_path, 1).clips) == ["b", "a", "d", "c"]  # type: ignore[arg-type]
    write_card(card, "one", "OneSuffix", "{suffix: b.mp4}")
    assert ids(open_videos("one", (root,))[0]) == ["b"]


def test_a_cards_arguments_reach_reactions(card: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "data_info.csv", list(plan(ReactionSampleSettings(train_subjects=1, val_subjects=2))))
    write_card(card, "fear", "HumeReaction", "{targets: [Fear], optional: [Adoration, Amusement, Anxiety]}")
    with pytest.raises(UserError, match="3 columns are unknown: Disgust, Empathic-Pain, Surprise"):
        truth_of_dataset(dataset_card("fear"), tmp_path, "val")
    others = "[Adoration, Amusement, Anxiety, Disgust, Empathic-Pain, Surprise]"
    write_card(card, "fear", "HumeReaction", f"{{targets: [Fear], optional: {others}}}")
    assert truth_of_dataset(dataset_card("fear"), tmp_path, "val").emotions == ("Fear",)


@pytest.mark.parametrize(
    ("component", "arguments", "message", "hint"),
    [
        ("CsvDataset", "{delimiter: ';'}", "argument of CsvDataset, on the card mine, 'delimiter'", "It takes: none."),
        ("TwoFolders", "{tset: x}", "'tset'", "Did you mean 'test'? It takes: train, test."),
        ("TwoFolders", "{root: x}", "'root'", "It takes: train, test."),
        ("TwoFolders", "{train: [a]}", r"TwoFolders fails with .* card mine \(train=\['a'\]\): TypeError: ", "train: "),
        ("OneSuffix", "{}", "the card mine lacks arguments of OneSuffix: suffix", "It takes: suffix."),
        (
            "HumeReaction",
            "{targets: 5}",
            "HumeReaction fails with .*: TypeError: 'int' object is not",
            "parts",
        ),
    ],
)
def test_a_wrong_argument_is_the_users_mistake(
    card: Path, tmp_path: Path, component: str, arguments: str, message: str, hint: str
) -> None:
    write_card(card, "mine", component, arguments)
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(dataset_card("mine"), tmp_path)
    assert hint in caught.value.hint


def test_an_installed_plugin_is_imported_for_its_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))
    place = package(site, "set_of_ours", DATASET, entry="ours")
    (place / "cards/datasets").mkdir(parents=True)
    text = "name: ours\nsummary: s\ncomponent: Ours\ngroup: none\n"
    (place / "cards/datasets/ours.yaml").write_text(text)
    for name in ("train/wave/a.mp4", "test/wave/b.mp4"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).touch()
    assert open_dataset(dataset_card("ours"), tmp_path / "data").classes == ("wave",)


def test_an_error_of_a_class_that_is_given_no_arguments_is_its_own(card: Path, tmp_path: Path) -> None:
    @DATASETS.register_module("Faulty", force=True)
    class Faulty(Layout):
        def __init__(self, root: Path) -> None:
            super().__init__(("a",), {1: Split((), ())}, root)  # type: ignore[call-arg]

    assert Faulty.__name__ == "Faulty"
    write_card(card, "mine", "Faulty", "{}")
    with pytest.raises(TypeError):
        open_dataset(dataset_card("mine"), tmp_path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that docs/add_a_dataset.md shows, and the videos that its script writes."""
    folder = tmp_path_factory.mktemp("page")
    for _, text in BLOCK.findall((REPOSITORY / "docs/add_a_dataset.md").read_text(encoding="utf-8")):
        first, _, rest = text.partition("\n")
        if first.startswith("# "):
            path = folder / first.removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rest, encoding="utf-8")
    with contextlib.chdir(folder):
        runpy.run_path("make_videos.py")
    return folder


@pytest.fixture
def page(shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to a copy of what the page shows."""
    shutil.copytree(shown, tmp_path / "page")
    monkeypatch.chdir(tmp_path / "page")


def test_a_dataset_in_something_somethings_json_form_from_a_plugin_file(page: None) -> None:
    def run() -> tta_bench.Record:
        (record,) = tta_bench.run(
            "ucf101_ft",
            dataset="something",
            plugins=["something.py"],
            data={"root": "something"},
            clip={"sampling": "uniform", "size": 16, "frames": 4},
            **SMALL,
        )
        return record

    record = run()
    assert (record.status, record.n_scored, record.identity.dataset.name) == ("success", 4, "something")
    assert set(record.per_class) == {"Pushing something to the left", "Pushing something to the right"}
    assert record.input is not None
    assert (record.input.frames, record.input.stride) == (4, None)
    assert (record.identity.standard, record.identity.track) == (False, "tuned")
    assert record.environment is not None
    (code,) = record.environment.plugins
    assert (code.name, len(code.sha256)) == ("something.py", 64)
    assert run().identity.run_key == record.identity.run_key


def test_a_layout_from_a_plugin_file_says_what_is_missing(page: None) -> None:
    words = ("something", ("data.root=something",))
    load_files([Path("something.py")])
    assert len(open_videos(*words)[0]) == 16
    Path("something/videos/3.webm").unlink()
    with pytest.raises(UserError, match=r"1 listed videos are not in something/videos: 3\."):
        open_videos(*words)
    labels = json.loads(Path("something/labels.json").read_text())
    assert labels == {"Pushing something to the left": "0", "Pushing something to the right": "1"}
    Path("something/train.json").unlink()
    with pytest.raises(UserError, match=r"something lacks train\.json"):
        open_videos(*words)


def test_a_protocol_of_ones_own_is_standard_with_its_sampling(page: None) -> None:
    words = ["protocol=something_ft", "registry.path=my_cards", "data.root=something"]
    (experiment,) = experiments(words, [Path("something.py")])
    assert experiment.standard
    assert experiment.settings()["clip"] == {"span": 64, "frames": 16, "stride": 4, "size": 224, "sampling": "uniform"}
    (dense,) = experiments([*words, "clip.sampling=dense"], [])
    assert not dense.standard
    assert "sampling" not in dense.settings()["clip"]

from __future__ import annotations

import hashlib
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mmengine.registry import Registry

from tests.contract.broken import README, plugin
from tta_bench.cards import catalog, files
from tta_bench.cards.catalog import backbone_card, dataset_card
from tta_bench.cli import main
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import FineTuneCard
from tta_bench.experiments.kinds import protocol_card
from tta_bench.plugins import PluginCode, code_digest, import_file, installed
from tta_bench.registry import BACKBONES, DATASETS, PROTOCOLS, load_files, register_backbone

UCF = "protocol=ucf101_ft"
CLASS = """
from torch import nn
from tta_bench import BACKBONES

@BACKBONES.register_module({})
class Shallow(nn.Sequential):
    "A single convolution."

    def __init__(self):
        super().__init__(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())
"""
CARD = "name: shallow\nsummary: beside\ncomponent: Shallow\nframes: 4\nsize: 16\nrecipe: cnn\n"


def test_one_decorated_function_is_a_backbone_with_a_card(tmp_path: Path) -> None:
    path = plugin(tmp_path, README, "my_net")
    (code,) = load_files([path])
    assert code == PluginCode("my_net.py", None, hashlib.sha256(README.encode()).hexdigest())
    card = backbone_card("my_net")
    assert (card.frames, card.size, card.recipe, card.component, card.licence) == (8, 64, "cnn", "my_net", None)
    assert catalog.origin("backbones", "my_net") == path


def test_a_class_has_its_card_in_keywords_or_beside_it(tmp_path: Path) -> None:
    load_files([plugin(tmp_path, CLASS.format("frames=4, size=16"), "one")])
    assert backbone_card("Shallow").summary == "A single convolution."
    path = plugin(tmp_path, CLASS.format("").replace("Shallow", "Other"), "two")
    path.with_suffix(".yaml").write_text(CARD.replace("Shallow", "Other"))
    load_files([path])
    assert backbone_card("shallow").component == "Other"


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    path = plugin(tmp_path, README, "my_net")
    assert load_files([path, path])[0] == load_files([path])[0]
    assert import_file(path) is import_file(path)


def test_two_plugins_of_one_name_are_an_error_that_names_both_files(tmp_path: Path) -> None:
    one, two = (plugin(tmp_path, README, name) for name in ("one", "two"))
    with pytest.raises(UserError) as error:
        load_files([one, two])
    assert str(one) in str(error.value)
    assert str(two) in str(error.value)


def test_a_shipped_cards_name_is_taken(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"two backbones are called 'resnet50': .*resnet50\.yaml and .*net\.py"):
        load_files([plugin(tmp_path, README.replace('"my_net"', '"resnet50"'), "net")])


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("net.py", None, r"expected a Python file, found nothing there"),
        ("net.txt", "", r"expected a Python file, found a \.txt file"),
        ("net.py", "x = 1\nimport my_layers", r"No module named 'my_layers' \(line 2 of net\.py\)"),
        ("net.py", "raise SystemExit(3)", "SystemExit: 3"),
        ("net.py", README.replace("frames=8", "frames='many'"), "frames: a whole number was expected"),
        ("net.py", README.replace("frames=8", "frames=8, sise=3"), "sise: unknown key"),
        ("net.py", README.replace('"my_net"', '"../my net"'), "is no name for a card"),
        ("net.py", README.replace("frames=8, ", ""), "frames and size are needed"),
    ],
)
def test_a_file_that_does_not_load_is_named_with_the_reason(
    tmp_path: Path, name: str, source: str | None, message: str
) -> None:
    path = tmp_path / name
    if source is not None:
        path.write_text(source)
    with pytest.raises(UserError, match=message) as error:
        load_files([path])
    assert name in str(error.value)


def test_a_card_beside_a_plugin_is_as_strict_as_any(tmp_path: Path) -> None:
    path = plugin(tmp_path, CLASS.format(""), "net")
    path.with_suffix(".yaml").write_text(CARD + "sise: 3\n")
    with pytest.raises(UserError, match=r"net\.yaml: line 7, sise: unknown key"):
        load_files([path])


DATASET = """
from tta_bench import DATASETS
from tta_bench.data.datasets.own_videos import FolderDataset

@DATASETS.register_module()
class Ours(FolderDataset):
    "Folders."
"""
PROTOCOL = """
from tta_bench import PROTOCOLS

@PROTOCOLS.register_module()
class Ours:
    "A protocol."
"""
TIER = "{dataset: ucf101_sample, backbone: resnet50, clip: {span: 8}, recipes: {}, eval: {segments: 1, crops: 1}}"
PROTOCOL_CARD = f"summary: s\nversion: 1\nscore: top1\nlocked: []\nfull: {TIER}\nsample: {TIER}\n"


def test_a_card_beside_a_plugin_is_of_the_kind_that_the_plugin_registers(tmp_path: Path) -> None:
    dataset, protocol, laid_on = (
        plugin(tmp_path, source, name) for name, source in (("data", DATASET), ("way", PROTOCOL), ("on", "x = 1"))
    )
    dataset.with_suffix(".yaml").write_text("name: ours\nsummary: s\ncomponent: Ours\ngroup: none\n")
    protocol.with_suffix(".yaml").write_text("name: ours\ncomponent: Ours\n" + PROTOCOL_CARD)
    laid_on.with_suffix(".yaml").write_text("_base_: ucf101_ft\nname: longer\nsummary: s\n")
    load_files([dataset, protocol, laid_on])
    assert dataset_card("ours").component == "Ours"
    assert isinstance(protocol_card("ours"), FineTuneCard)
    assert protocol_card("longer").component == "FineTune"
    assert catalog.summaries("protocols")["ours"] == "s"
    assert catalog.origin("protocols", "ours") == protocol.with_suffix(".yaml")
    load_files([dataset, protocol, laid_on])  # once more is the same


def test_a_protocol_card_beside_a_plugin_has_a_name_of_its_own_and_no_unknown_key(tmp_path: Path) -> None:
    path = plugin(tmp_path, PROTOCOL, "way")
    card = path.with_suffix(".yaml")
    card.write_text("name: ucf101_ft\ncomponent: Ours\n" + PROTOCOL_CARD)
    with pytest.raises(UserError, match=r"two protocols are called 'ucf101_ft': .*ucf101_ft\.yaml and .*way\.yaml"):
        load_files([path])
    card.write_text("name: ours\ncomponent: Ours\nsise: 3\n" + PROTOCOL_CARD)
    load_files([path])
    with pytest.raises(UserError, match=r"way\.yaml: line 3, sise: unknown key"):
        protocol_card("ours")


def test_the_plugins_code_is_part_of_an_experiments_identity(tmp_path: Path) -> None:
    path = plugin(tmp_path, README, "my_net")
    code = load_files([path])
    (experiment,) = resolve([UCF, "backbone=my_net"], code)
    (same,) = resolve([UCF, "backbone=my_net"])  # the file is found through the card that it made
    assert experiment.plugins == same.plugins == code
    changed = experiment.model_copy(update={"plugins": (PluginCode("my_net.py", None, "0" * 64),)})
    assert changed.training_identity("data", None, "fp32") != experiment.training_identity("data", None, "fp32")
    assert resolve([UCF])[0].plugins == ()


def test_a_fixed_size_plugin_keeps_its_size_on_the_sample(tmp_path: Path) -> None:
    load_files([plugin(tmp_path, README, "my_net")])
    (experiment,) = resolve([UCF, "backbone=my_net"])
    assert (experiment.tier, experiment.clip.size, experiment.clip.frames) == ("sample", 64, 8)


def test_a_folder_of_cards_needs_no_code(tmp_path: Path) -> None:
    (tmp_path / "mine/backbones").mkdir(parents=True)
    card = "name: r26\nsummary: s\ncomponent: TimmBackbone\narguments: {name: resnet26}\nframes: 8\nsize: 64\n"
    (tmp_path / "mine/backbones/r26.yaml").write_text(card + "modality: image\nrecipe: cnn\n")
    (experiment,) = resolve([UCF, "backbone=r26", f"registry.path={tmp_path / 'mine'}"])
    assert experiment.backbone.arguments == {"name": "resnet26"}
    with pytest.raises(UserError, match="holds no cards"):
        resolve([UCF, f"registry.path={tmp_path}"])
    with pytest.raises(UserError, match="is no folder"):
        resolve([UCF, f"registry.path={tmp_path / 'missing'}"])


def package(site: Path, name: str, source: str, entry: str = "my_net") -> Path:
    """Lay out a package as an installer does: its code, and its metadata with an entry point."""
    folder = site / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(source)
    info = site / f"tta_{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tta-{name}\nVersion: 1.2\nSummary: The net {name}\n")
    (info / "entry_points.txt").write_text(f"[tta_bench.plugins]\n{entry} = {name}\n")
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_an_installed_plugin_is_listed_unimported_and_loaded_when_asked_for(site: Path) -> None:
    place = package(site, "listed_only", f"{README}\nraise RuntimeError('imported')")
    assert catalog.summaries("backbones")["my_net"] == "The net listed_only (tta-listed_only 1.2)"
    with pytest.raises(UserError, match=r"RuntimeError: imported \(line 9 of __init__\.py\)"):
        backbone_card("my_net")
    assert installed()["my_net"].code == PluginCode("tta-listed_only", "1.2", code_digest(place))


def test_an_installed_plugin_stands_in_the_experiment_with_its_version(site: Path) -> None:
    package(site, "versioned", README)
    (experiment,) = resolve([UCF, "backbone=my_net"])
    (code,) = experiment.plugins
    assert (code.name, code.version) == ("tta-versioned", "1.2")


def test_a_package_ships_cards_which_are_read_unimported(site: Path) -> None:
    place = package(site, "with_cards", "raise RuntimeError", entry="shallow")
    (place / "cards/backbones").mkdir(parents=True)
    (place / "cards/backbones/shallow.yaml").write_text(CARD)
    assert catalog.summaries("backbones")["shallow"] == "beside"
    assert backbone_card("shallow").frames == 4
    with pytest.raises(UserError, match="fails to import"):
        resolve([UCF, "backbone=shallow"])  # its component is code


@pytest.mark.parametrize("entry", ["my_net", "resnet50", "ucf101"])
def test_packages_that_define_a_taken_name_are_an_error_that_names_both(site: Path, entry: str) -> None:
    package(site, "first", README, entry)
    if entry == "my_net":
        package(site, "second", README, entry)
    with pytest.raises(UserError, match=re.escape(str(site / "first"))) as error:
        catalog.summaries("backbones")
    assert str(site / "second") in str(error.value) or f"{entry}.yaml" in str(error.value)


def test_a_package_that_does_not_make_its_card_is_told(site: Path) -> None:
    package(site, "empty_handed", "")
    with pytest.raises(UserError, match="declares 'my_net' and makes no card of that name"):
        backbone_card("my_net")


def test_a_digest_depends_on_every_python_file_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = code_digest(tmp_path)
    (tmp_path / "note.txt").write_text("no code")
    assert code_digest(tmp_path) == first
    (tmp_path / "b.py").write_text("")
    second = code_digest(tmp_path)
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    assert len({first, second, code_digest(tmp_path)}) == 3


def test_what_has_no_file_comes_from_this_session() -> None:
    register_backbone("typed", frames=2, size=8)(partial(dict))
    assert catalog.origin("backbones", "typed") is None
    with pytest.raises(UserError, match="two backbone components are called 'typed': this session and this session"):
        register_backbone("typed", frames=2, size=8)(partial(dict))


@pytest.mark.parametrize("registry", [BACKBONES, DATASETS, PROTOCOLS])
@pytest.mark.parametrize("name", ["os.system", "subprocess.run", "builtins.exec", "shutil.rmtree", "tta_bench.api.run"])
def test_only_what_was_registered_is_looked_up(registry: Registry, name: str) -> None:
    """MMEngine's own registry would import any dotted name."""
    assert registry.get(name) is None


@pytest.mark.parametrize(
    ("component", "arguments"),
    [("os.system", "command: touch {}"), ("pathlib.Path.touch", "self: {}"), ("subprocess.getoutput", "cmd: touch {}")],
)
def test_a_card_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, component: str, arguments: str
) -> None:
    marker = tmp_path / "marker"
    folder = tmp_path / "registry/backbones"
    folder.mkdir(parents=True)
    card = CARD.replace("component: Shallow", f"component: {component}\narguments: {{{{{arguments}}}}}".format(marker))
    (folder / "shallow.yaml").write_text(card)
    monkeypatch.setenv("TTA_BENCH_REGISTRY", str(tmp_path / "registry"))
    files.forget_folders()
    for words in (["check", "shallow"], ["run", UCF, "backbone=shallow", "limit=8", "--dry-run"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code in (1, 2)
        assert "Traceback" not in capsys.readouterr().err
        assert not marker.exists()
    monkeypatch.undo()
    files.forget_folders()

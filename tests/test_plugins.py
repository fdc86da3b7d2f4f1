from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import pytest
import torch

import tta_bench
from tests.contract.broken import README, plugin
from tta_bench import plugins
from tta_bench.api import experiments, forget_plugins
from tta_bench.cards.files import use_folder
from tta_bench.errors import UserError
from tta_bench.experiments.base import EXPERIMENTS, Experiment
from tta_bench.plugins import PluginCode, code_digest, code_of_file, file_of, import_file, import_submodules, is_own
from tta_bench.registry import PROTOCOLS

REPOSITORY = Path(__file__).parents[1]
QUICK = {"limit": 16, "train": {"steps": 2}, "eval": {"segments": 1, "crops": 1}}


def page_files(folder: Path, name: str) -> list[Path]:
    """Write the files of a name that docs/add_a_protocol.md shows, and return them."""
    page = (REPOSITORY / "docs/add_a_protocol.md").read_text(encoding="utf-8")
    written = []
    for file, text in re.findall(rf"^```\w+\n# ({name}\.\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (folder / file).write_text(text, encoding="utf-8")
        written.append(folder / file)
    return written


def test_a_protocol_with_own_keys_in_two_files_runs_is_recorded_and_runs_again_when_edited(tmp_path: Path) -> None:
    code, card = page_files(tmp_path, "my_probe")
    assert len(code.read_text().splitlines()) + len(card.read_text().splitlines()) <= 40

    def run(**keys: object) -> list[tta_bench.records.schema.Record]:
        return tta_bench.run("my_probe", plugins=[code], work_dir=tmp_path / "runs", **QUICK, **keys)

    (first,) = run(probe={"temperature": 2})
    assert first.status == "success"
    assert (first.identity.protocol.name, first.identity.track) == ("my_probe", "tuned")
    (recorded,) = first.environment.plugins
    assert (recorded.name, recorded.sha256) == ("my_probe.py", hashlib.sha256(code.read_bytes()).hexdigest())
    assert run(probe={"temperature": 2}) == [first]
    code.write_text(code.read_text() + "# another version\n")
    forget_plugins()
    (second,) = run(probe={"temperature": 2})
    assert second.identity.run_key != first.identity.run_key
    assert second.environment.plugins[0].sha256 != recorded.sha256


def test_an_own_key_is_checked_like_any_other(tmp_path: Path) -> None:
    code, _ = page_files(tmp_path, "my_probe")
    (plain,) = experiments(["protocol=my_probe"], [code])
    (warm,) = experiments(["protocol=my_probe", "probe.temperature=2"], [code])
    assert (plain.track, warm.track) == ("fixed", "tuned")
    assert plain.training_identity("data", None, "fp32") != warm.training_identity("data", None, "fp32")
    with pytest.raises(UserError, match="Did you mean 'probe.temperature'"):
        experiments(["protocol=my_probe", "probe.temperatur=2"], [code])
    with pytest.raises(UserError, match=r"probe\.temperature=hot: a number was expected"):
        experiments(["protocol=my_probe", "probe.temperature=hot"], [code])


def test_the_hook_of_the_page_freezes_the_backbone(tmp_path: Path) -> None:
    code, _ = page_files(tmp_path, "my_probe")
    (experiment,) = experiments(["protocol=my_probe", "limit=8", "probe.temperature=4"], [code])
    (usual,) = experiments(["protocol=ucf101_ft", "limit=8"], [])
    probe, plain = (
        PROTOCOLS.get(to.protocol.component)(to, tmp_path, "never").build_model() for to in (experiment, usual)
    )
    assert not any(parameter.requires_grad for parameter in probe.backbone.parameters())
    assert all(parameter.requires_grad for parameter in probe.head.parameters())
    torch.testing.assert_close(probe.head.weight * 4, plain.head.weight)


PROTOCOL = """
from tta_bench import PROTOCOLS
from tta_bench.protocols.fine_tune.run import FineTune

@PROTOCOLS.register_module()
class Same(FineTune):
    pass
"""
DATASET = """
from tta_bench import DATASETS
from tta_bench.data.datasets.ucf101 import UCF101

@DATASETS.register_module()
class Copied(UCF101):
    pass
"""
PROTOCOL_CARD = "_base_: ucf101_ft\nname: same\ncomponent: Same\n"
DATASET_CARD = "_base_: ucf101\nname: copied\ncomponent: Copied\nsample: null\n"


@pytest.mark.parametrize(
    ("group", "source", "card", "words"),
    [
        ("protocols", PROTOCOL, PROTOCOL_CARD, ["protocol=same"]),
        ("datasets", DATASET, DATASET_CARD, ["protocol=ucf101_ft", "dataset=copied", "data.root=."]),
    ],
)
def test_a_class_registered_from_python_is_in_the_experiment_and_an_edit_makes_another(
    tmp_path: Path, group: str, source: str, card: str, words: list[str]
) -> None:
    (tmp_path / group).mkdir()
    name = card.split("name: ")[1].split("\n")[0]
    (tmp_path / group / f"{name}.yaml").write_text(card)

    def experiment() -> Experiment:
        import_file(code)  # as a user's own program does, without --plugin
        use_folder(tmp_path)
        (resolved,) = experiments(words, [])
        return resolved

    code = plugin(tmp_path, source, "mine")
    before = experiment()
    assert before.plugins == (PluginCode("mine.py", None, hashlib.sha256(source.encode()).hexdigest()),)
    code.write_text(source + "# edited\n")
    forget_plugins()
    after = experiment()
    assert after.plugins != before.plugins
    assert after.training_identity("data", None, "fp32") != before.training_identity("data", None, "fp32")


def test_all_that_plugins_added_is_forgotten(tmp_path: Path) -> None:
    code, _ = page_files(tmp_path, "my_probe")
    experiments(["protocol=my_probe"], [code])
    assert "Probe" in EXPERIMENTS
    assert "Probe" in PROTOCOLS.module_dict
    forget_plugins()
    assert "Probe" not in EXPERIMENTS
    assert "Probe" not in PROTOCOLS.module_dict
    assert not [name for name in sys.modules if name.startswith(plugins.MODULE_PREFIX)]
    assert "FineTune" in EXPERIMENTS
    with pytest.raises(UserError, match="unknown protocol 'my_probe'"):
        experiments(["protocol=my_probe"], [])


def test_a_file_is_known_by_its_bytes_and_a_package_by_all_its_files(tmp_path: Path) -> None:
    file = plugin(tmp_path, README, "net")
    assert code_of_file(file) == PluginCode("net.py", None, hashlib.sha256(README.encode()).hexdigest())
    package = tmp_path / "package"
    package.mkdir()
    init = plugin(package, README, "__init__")
    assert code_of_file(init) == PluginCode("package", None, code_digest(package))
    first = code_digest(package)
    plugin(package, "", "more")
    assert code_digest(package) != first


def test_a_component_of_the_suite_is_its_own_and_a_plugins_is_not(tmp_path: Path) -> None:
    module = import_file(plugin(tmp_path, README, "net"))
    assert is_own(PROTOCOLS.get("FineTune"))
    assert not is_own(module.my_net)
    assert file_of(module.my_net) == tmp_path / "net.py"
    assert file_of(len) is None


def test_every_module_of_a_package_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("found/__init__.py", "found/one.py", "found/two/__init__.py", "found/two/run.py", "found/two/no.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / file).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    import_submodules("found", "run")
    assert {name for name in sys.modules if name.startswith("found.")} == {"found.two", "found.two.run"}
    import_submodules("found")
    assert "found.one" in sys.modules
    for name in [name for name in sys.modules if name.partition(".")[0] == "found"]:
        del sys.modules[name]

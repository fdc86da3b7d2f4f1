from __future__ import annotations

from pathlib import Path

from tests.records.some_records import some_environment, some_identity, some_predictions, write_success
from tta_bench.boards.pull_request import git_commands, pull_request_text
from tta_bench.records.schema import Plugin, PublicCode, Record
from tta_bench.records.store import read_record


def record_of(folder: Path, **changes: object) -> Record:
    environment = some_environment().model_copy(
        update={"plugins": (Plugin(name="my_net.py", version=None, sha256="a" * 64),)}
    )
    return read_record(write_success(folder, some_predictions(), environment=environment, **changes))


def test_commands_quote_what_a_record_says(tmp_path: Path) -> None:
    record = record_of(tmp_path, identity=some_identity(backbone="timm/resnet50"))
    assert git_commands([record], Path("my boards")) == [
        "git switch -c records-ucf101_ft-timm-resnet50",
        "git add 'my boards'",
        "git commit -m 'Records of timm/resnet50 under ucf101_ft'",
        "git push -u origin records-ucf101_ft-timm-resnet50",
    ]


def test_the_text_says_what_a_reader_must_know(tmp_path: Path) -> None:
    record = record_of(tmp_path)
    text = pull_request_text([record], ["arithmetic"])
    assert "ucf101, split 1, seed 0: top1 0." in text
    assert "; arithmetic" in text
    assert "The code of its plug-ins is not public: my_net.py." in text
    code = PublicCode(address="https://example.org/net", commit="b" * 40)
    public = record.model_copy(update={"plugin_code": code, "party": "lab"})
    text = pull_request_text([public], ["rescored"])
    assert f"(my_net.py): https://example.org/net at {'b' * 40}." in text
    assert "The commit was got from there." in text
    assert "Measured by lab." in text
    text = pull_request_text([public], ["rescored"], "there is no repository")
    assert f"at {'b' * 40}. Not seen to be public: there is no repository." in text

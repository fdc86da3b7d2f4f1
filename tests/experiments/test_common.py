from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.cards.validation import validate_keys
from tta_bench.errors import UserError
from tta_bench.experiments.common import DataSettings, RegistrySettings, RuntimeSettings


def test_everything_has_a_default() -> None:
    assert RuntimeSettings().micro_batch == "auto"
    assert DataSettings().root is None
    assert RegistrySettings().path is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": "some"}, "runtime.workers"),
        ({"checkpoint_minutes": 0}, "must be above 0"),
        ({"cores": 2}, "runtime.cores"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        validate_keys(RuntimeSettings, given, "runtime.")


def test_roots_are_folders_by_dataset() -> None:
    assert DataSettings(roots={"ucf101": "/data"}).roots == {"ucf101": Path("/data")}


@pytest.mark.parametrize("names", [(), ("mlflow",), ("tensorboard", "wandb")])
def test_loggers_change_no_digest_and_stand_in_a_dump_where_they_are_asked_for(names: tuple[str, ...]) -> None:
    dump = validate_keys(RuntimeSettings, {"logging": [*names]}, "runtime.").model_dump()
    assert dump.get("logging", ()) == names
    assert ("logging" in dump) == bool(names)


@pytest.mark.parametrize("given", [["aim"], ["mlflow", "mlflow"]])
def test_a_logger_that_is_not_known_or_given_twice_is_refused(given: list[str]) -> None:
    with pytest.raises(UserError, match=r"runtime\.logging"):
        validate_keys(RuntimeSettings, {"logging": given}, "runtime.")

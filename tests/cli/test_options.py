from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.cli.options import label_words, load_plugins, paths_and_words
from tta_bench.errors import UserError


def test_files_and_words_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "a=b.json"
    file.touch()
    assert paths_and_words([str(file), "data.root=/data"]) == ([file], ["data.root=/data"])
    with pytest.raises(UserError, match="there is no file gone.json"):
        paths_and_words(["gone.json"])


def test_only_keys_of_labels_are_taken() -> None:
    assert label_words(["data.root=/data", "labels=l.csv"]) == {"data.root": "/data", "labels": "l.csv"}
    with pytest.raises(UserError, match="Did you mean 'labels'"):
        label_words(["lables=l.csv"])


def test_a_plugin_file_that_is_not_there_is_named() -> None:
    load_plugins([])
    with pytest.raises(UserError, match=r"gone\.py: expected a Python file, found nothing there"):
        load_plugins([Path("gone.py")])

from __future__ import annotations

from pathlib import Path

import numpy as np

from tta_bench.data.features.store import FeatureStore, feature_file

NAMES = ("aa" * 32, "bb" * 32)


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, {"what": "test"})
    store.write(NAMES[0], np.arange(6, dtype=np.float16).reshape(2, 3))
    again = FeatureStore(tmp_path, {"what": "test"})
    assert NAMES[0] in again
    assert NAMES[1] not in again
    assert again.width(NAMES[0]) == 3
    file = again.file(NAMES[0])
    assert file is not None
    assert np.load(file).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_file_without_its_line_and_a_line_without_its_file_do_not_count(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, {})
    for name in NAMES:
        store.write(name, np.zeros((1, 2), np.float16))
    feature_file(tmp_path, NAMES[0]).write_bytes(b"cut short")
    index = tmp_path / "index.jsonl"
    index.write_text(index.read_text()[:-20])
    assert [name in FeatureStore(tmp_path, {}) for name in NAMES] == [False, False]

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tta_bench.data.media import disk_rate
from tta_bench.data.media.disk_rate import MOST_BYTES, Rate, cold_rate, forget, read_bytes


@pytest.mark.parametrize(("rate", "size"), [(5e6, 10**5), (2e7, 4 * 10**5)])
def test_a_disk_of_a_certain_rate_is_measured(
    rate: float, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / str(number) for number in range(5)]
    for file in files:
        file.write_bytes(bytes(size))

    def slow(path: Path) -> int:
        count = read_bytes(path)
        time.sleep(count / rate)
        return count

    monkeypatch.setattr(disk_rate, "read_bytes", slow)
    found = cold_rate([*files, files[0], tmp_path])
    assert found is not None
    assert found.bytes_per_file == size
    assert 0.3 * rate < found.bytes_per_second <= rate
    assert found.files_per_second == pytest.approx(found.bytes_per_second / size)


def test_no_more_is_read_than_a_sample_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "long").write_bytes(bytes(MOST_BYTES + 3 * 10**6))
    (tmp_path / "short").write_bytes(bytes(1000))
    assert MOST_BYTES <= read_bytes(tmp_path / "long") <= MOST_BYTES + 2**20
    assert read_bytes(tmp_path / "short") == 1000
    monkeypatch.setattr(disk_rate, "MOST_SECONDS", 0.0)
    found = cold_rate([tmp_path / "short", tmp_path / "long"])
    assert found is not None
    assert found.bytes_per_file == 1000


def test_nothing_is_measured_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cold_rate([tmp_path]) is None
    assert cold_rate([]) is None
    (tmp_path / "a").write_bytes(b"abc")
    forget(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"abc"
    monkeypatch.delattr(disk_rate.os, "posix_fadvise")
    assert cold_rate([tmp_path / "a"]) is None


def test_a_rate_in_files() -> None:
    assert Rate(5e6, 2e6).files_per_second == 2.5

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocols.probe.some_features import some_samples
from tta_bench.errors import UserError
from tta_bench.protocols.probe.encoder import EncodingSize
from tta_bench.protocols.probe.encoding import require_room


def test_room_is_counted_in_half_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = EncodingSize(768, 1568)
    assert size.bytes("tokens", 2) * 13_320 == pytest.approx(64.2e9, rel=0.01)  # UCF101
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**9}))
    require_room(size, 13_320, 2, ["pooled"], tmp_path)
    with pytest.raises(UserError, match=r"need 64\.\d GB of disk, and 1\.0 GB are free"):
        require_room(size, len(some_samples()) * 444, 2, ["tokens", "pooled"], tmp_path)

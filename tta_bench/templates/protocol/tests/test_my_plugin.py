from pathlib import Path

import my_plugin

import tta_bench
from tta_bench.cards.files import use_folder


def test_it_runs_on_the_embedded_sample(tmp_path: Path) -> None:
    use_folder(Path(my_plugin.__file__).parent / "cards")
    (record,) = tta_bench.run("my_plugin", work_dir=tmp_path, limit=16, train={"steps": 2})
    assert record.status == "success"
    assert record.identity.protocol.name == "my_plugin"
    assert record.n_scored == 16

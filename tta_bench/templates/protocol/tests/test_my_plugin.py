from pathlib import Path

import my_plugin

from tta_bench.api import check
from tta_bench.cards.files import use_folder
from tta_bench.contract.report import as_table, is_kept


def test_it_keeps_the_contract() -> None:
    use_folder(Path(my_plugin.__file__).parent / "cards")
    _, findings = check("my_plugin")
    assert is_kept(findings), as_table(findings)

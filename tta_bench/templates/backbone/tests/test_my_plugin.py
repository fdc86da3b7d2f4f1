import my_plugin  # noqa: F401 - importing it registers the backbone

from tta_bench.contract.check import check
from tta_bench.contract.report import as_table, is_kept


def test_it_keeps_the_contract() -> None:
    _, findings = check("my_plugin")
    assert is_kept(findings), as_table(findings)

"""What the benchmarks share with the tests: the folder of real clips, or a skip where it is not at hand."""

from tests.conftest import shared

__all__ = ["shared"]

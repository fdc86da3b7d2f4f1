"""The protocol my_plugin."""

from __future__ import annotations

from tta_bench import PROTOCOLS
from tta_bench.protocols.fine_tune.run import FineTune


@PROTOCOLS.register_module("my_plugin")
class MyProtocol(FineTune):
    """Fine-tuning as it is. A protocol has ``plan() -> str`` and ``run() -> Record``; override what is different."""

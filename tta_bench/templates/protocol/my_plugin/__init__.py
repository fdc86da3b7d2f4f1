"""The protocol my_plugin."""

from __future__ import annotations

from tta_bench import PROTOCOLS
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.run import FineTune


@PROTOCOLS.register_module("my_plugin")
class MyProtocol(FineTune):
    """Fine-tuning with another start of the network.

    A protocol is a subclass of `tta_bench.protocols.base.protocol_run.ProtocolRun`: it is made of an experiment, a work
    folder and a resume mode, and has two methods: ``plan() -> str`` checks everything and describes the run, and
    ``run() -> list[Record]`` runs it. `FineTune` has both, and is changed through its hooks.
    """

    def build_model(self) -> Classifier:
        """Return the classifier as training starts: change the network here."""
        return super().build_model()

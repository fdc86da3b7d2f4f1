"""Print what identifies the protocols at both tiers: a restructuring leaves every line as it was.

python tests/identities.py          # tests/identities.txt holds the lines of the last change on purpose
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from tta_bench.api import experiments
from tta_bench.errors import UserError
from tta_bench.experiments.base import protocol_hash

PROTOCOLS = (
    *("abaw_eri", "hmdb51_ft", "tta_pretrain", "tta_scaling", "ucf101_ft"),
    *("hmdb51_knn", "hmdb51_linear", "hmdb51_probe", "ucf101_knn", "ucf101_linear", "ucf101_probe"),
)
BACKBONES = (None, "videomaev2_vit_b", "resnet50", "resnet50+egemaps")


def lines() -> Iterator[str]:
    """Yield training identity, run key and protocol hash of each, or the reason why it is refused."""
    for protocol in PROTOCOLS:
        for tier in ("sample", "full"):
            root = () if tier == "sample" else (f"data.root={Path(gettempdir())}",)
            for backbone in BACKBONES:
                words = (f"protocol={protocol}", f"tier={tier}", "weights=none", *root)
                words += () if backbone is None else (f"backbone={backbone}",)
                try:
                    (experiment,) = experiments(words, ())
                except UserError as error:
                    yield f"{protocol} {tier} {backbone} {type(error).__name__} {error}"
                    continue
                training = experiment.training_identity("data", None, "fp32")
                hashed = protocol_hash(experiment.protocol)
                yield f"{protocol} {tier} {backbone} {training} {experiment.run_key(training)} {hashed}"


if __name__ == "__main__":
    print("\n".join(lines()))

from __future__ import annotations

from pathlib import Path

from tta_bench.config.prediction_file import resolve_scores
from tta_bench.config.resolve import resolve
from tta_bench.experiments.base import protocol_hash
from tta_bench.protocols.base.identity import identity_of


def test_a_run_is_identified_by_its_cards_split_and_seed() -> None:
    (experiment,) = resolve(["protocol=hmdb51_ft", "split=1", "seed=3"])
    identity = identity_of(experiment, "net", "0" * 64, manifest="1" * 64, control="frozen", precision="fp32")
    card = experiment.protocol
    assert (identity.protocol.name, identity.protocol.sha256) == ("hmdb51_ft", protocol_hash(card))
    assert (identity.backbone, identity.run_key, identity.weights) == ("net", "0" * 64, None)
    assert (identity.split, identity.seed, identity.tier) == ("1", 3, "sample")
    assert identity.dataset.splits == tuple(map(str, experiment.dataset.splits))
    assert (identity.dataset.manifest_sha256, identity.control, identity.precision) == ("1" * 64, "frozen", "fp32")


def test_a_part_takes_the_place_of_the_splits() -> None:
    (experiment,) = resolve(["protocol=abaw_eri", "backbone=egemaps"])
    identity = identity_of(experiment, "net", "0" * 64, part="val")
    assert (identity.split, identity.dataset.splits) == ("val", ("val",))


def test_a_file_is_identified_like_a_run(tmp_path: Path) -> None:
    for name in ("p.csv", "l.csv"):
        (tmp_path / name).write_text("id,class\n")
    asked = resolve_scores(
        ["protocol=ucf101_ft", f"predictions={tmp_path}/p.csv", f"labels={tmp_path}/l.csv", "split=2"]
    )
    identity = identity_of(asked, asked.name, "0" * 64)
    assert (identity.split, identity.track, identity.control, identity.standard) == ("2", "fixed", "none", False)
    assert identity.dataset.manifest_sha256 is None

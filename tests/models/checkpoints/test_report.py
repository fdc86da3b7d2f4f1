from __future__ import annotations

from tta_bench.models.checkpoints.report import LoadReport


def test_the_sum_of_a_load_names_every_fate_in_one_line() -> None:
    report = LoadReport(
        loaded=1200,
        missing=("fc_norm.weight",),
        unexpected=("projector.weight",),
        dropped=("decoder.weight",),
        resampled=("pos_embed (1, 5, 8) to (1, 2, 8)",),
        copy="model",
        others=("model_ema",),
        head="fc",
    )
    assert report.summary() == (
        "1,200 tensors loaded from 'model'; the classifier from 'fc'; 1 start fresh (fc_norm.weight); "
        "1 resampled (pos_embed (1, 5, 8) to (1, 2, 8)); 1 unknown (projector.weight); "
        "1 not the backbone's (decoder.weight); the file also has the copies model_ema"
    )
    assert LoadReport(loaded=3).summary() == "3 tensors loaded"

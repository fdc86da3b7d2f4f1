from __future__ import annotations

from tta_bench.models.checkpoints.report import LoadReport, joined


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


def test_loads_of_several_parts_are_summed_with_the_parts_names() -> None:
    one = LoadReport(loaded=3, missing=("a",), dropped=("head.weight",))
    two = LoadReport(loaded=4, resampled=("pos_embed (1), from (2)",), copy="model", others=("ema",))
    assert joined({}) is None
    assert joined({"part 1": one}) is one
    both = joined({"part 1": one, "part 3": two})
    assert both is not None
    assert (both.loaded, both.missing, both.others) == (7, ("part 1: a",), ("part 3: ema",))
    assert both.summary().startswith("7 tensors loaded")

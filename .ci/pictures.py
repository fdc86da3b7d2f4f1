"""Pictures of the documentation that are drawn from committed records and figures, by the code that draws a report's.

`python .ci/pictures.py` writes them into docs/; a test holds that what lies there is what this file draws.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tta_bench.boards.forest import Shown, forest
from tta_bench.boards.web.confusion import confusion, emotion_figures, matrix_picture
from tta_bench.metrics.intervals import Interval
from tta_bench.protocols.scaling.curve import NotIdentifiable, Saturation
from tta_bench.protocols.scaling.picture import draw as draw_study
from tta_bench.protocols.scaling.report import Level, Study
from tta_bench.protocols.scaling.sufficient import Sufficient
from tta_bench.records.files import read_outcomes, read_predictions
from tta_bench.records.intensities import IntensityOutcomes
from tta_bench.records.predictions import Predictions
from tta_bench.records.store import read_record

DOCS = Path(__file__).parents[1] / "docs"
RECORDS = DOCS.parent / "leaderboards" / "records"
STYLE = (
    "<style>text{font:11px system-ui,sans-serif;fill:#1f2328}.plane{fill:#f6f8fa;stroke:#d1d9e0}.cell{fill:#9a6700}"
    ".hit{fill:#0969da}.count{text-anchor:middle}.deep{fill:#fff}.name{text-anchor:end}"
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.plane{fill:#151b23;stroke:#3d444d}.cell{fill:#d29922}"
    ".hit{fill:#4493f8}.deep{fill:#0d1117}}</style>"
)


def report_confusion() -> str:
    """Return the confusion matrix of the sample's main job, as its report has it."""
    record = read_record(next(RECORDS.glob("ucf101_ft__videomaev2_vit_tiny__split1_seed0__*.json")))
    assert record.predictions is not None
    predictions = read_predictions(RECORDS / record.predictions.name)
    assert isinstance(predictions, Predictions)
    drawn = matrix_picture(confusion(predictions), predictions.classes)
    head, _, rest = drawn.partition(">")
    return f'{head} width="480" xmlns="http://www.w3.org/2000/svg">{STYLE}{rest}\n'


def reaction_emotions() -> str:
    """Return the correlation of each emotion, of faces, of sound and of both, on the reaction sample."""
    tables = []
    for backbone in ("resnet50", "egemaps", "resnet50+egemaps"):
        record = read_record(next(RECORDS.glob(f"abaw_eri__{backbone}__splitval_seed0__*.json")))
        assert record.outcomes is not None
        outcomes = read_outcomes(RECORDS / record.outcomes.name)
        assert isinstance(outcomes, IntensityOutcomes)
        figures = emotion_figures(outcomes)
        tables.append((backbone, [Shown(one.name, "pearson", one.value, one.low, one.high) for one in figures]))
    return forest("Correlation of each emotion", tables)


def scaling_curve() -> str:
    """Return the curve of a short study of the sample, from the `study.json` that it wrote."""
    found = json.loads((DOCS / "scaling_study.json").read_text(encoding="utf-8"))
    levels = [
        Level(
            level["size"],
            level["epochs"],
            Interval(**{name: level[name] for name in Interval._fields}),
            tuple(level["seeds"]),
            tuple(level["losses"]),
        )
        for level in found["levels"]
    ]
    fit, sufficient = found["fit"], Sufficient(found["sufficient"]["size"], found["sufficient"]["margin"], {})
    curve = NotIdentifiable(fit["not_identifiable"]) if "not_identifiable" in fit else Saturation(**fit)
    study = Study(found["title"], found["steps"], found["then"], tuple(levels), (), curve, sufficient, found["caution"])
    with tempfile.TemporaryDirectory() as folder:
        draw_study(study, Path(folder) / "curve.svg")
        return (Path(folder) / "curve.svg").read_text(encoding="utf-8")


PICTURES = {
    "report_confusion.svg": report_confusion,
    "reaction_emotions.svg": reaction_emotions,
    "scaling_curve.svg": scaling_curve,
}
"""Files of docs/ and what draws them."""

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (DOCS / name).write_text(draw(), encoding="utf-8")
        print(f"{name}: {(DOCS / name).stat().st_size / 1e3:.1f} kB")

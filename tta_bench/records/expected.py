"""Published figures of released weights beside what a test of them gave: does the figure lie where it should?"""

from __future__ import annotations

from tta_bench.cards.catalog import weights_card
from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import Expected
from tta_bench.records.schema import Record


def expected_of(record: Record) -> Expected | None:
    """Return the published figure that a record can be compared with, or None.

    That is a finished test (``phase=test``) of weights whose card states a figure, on the same split of the full data,
    without a control.
    """
    ident = record.identity
    name = ident.weights.name if ident.weights is not None else ""
    if "phase=test" not in record.given or record.status != "success" or name not in card_files("weights"):
        return None
    expected = weights_card(name).expected
    if expected is None or expected.metric not in record.metrics:
        return None
    same = (ident.protocol.name, ident.split, ident.tier, ident.control)
    return expected if same == (expected.protocol, str(expected.split), "full", "none") else None


def compared(record: Record) -> str | None:
    """Return a sentence that says whether a record's figure lies in its card's interval; None without a figure."""
    expected = expected_of(record)
    if expected is None:
        return None
    found = record.metrics[expected.metric].value
    if found < expected.low:
        place = "below the interval"
    elif found > expected.high:
        place = "above the interval"
    else:
        place = "in the interval"
    scored = "" if record.identity.standard else " (not standard: another protocol or other data)"
    return (
        f"expected {expected.metric} {100 * expected.value:.2f} % [{100 * expected.low:.2f}, {100 * expected.high:.2f}]"
        f" on split {expected.split}, found {100 * found:.2f} %{scored}: {place}.\nThe figure: {expected.source}."
    )

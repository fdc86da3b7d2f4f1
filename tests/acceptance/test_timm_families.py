"""One small model of every family of timm, at its own size and the sample's: it runs, or the way out is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

FAMILIES = 94
SMALL = ("test_", "pico", "femto", "atto", "nano", "xxs", "xxtiny", "mini", "xtiny", "tiny", "_ti", "micro", "lite")
SMALL += ("xs", "_s0", "b0", "small")
MEMORY = 8 * 2**30
"""Bytes that the process may use."""
PROGRAM = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY},) * 2)\n"
PROGRAM += "from tests.acceptance.test_timm_families import try_all; try_all()"


def smallest(names: list[str]) -> str:
    """Return the name that sounds smallest: by a word for small, else by its first number of two digits or more."""

    def rank(name: str) -> tuple[int, int, int, str]:
        word = next((place for place, word in enumerate(SMALL) if word in name), len(SMALL))
        number = re.search(r"\d{2,}", name)
        return word, int(number[0]) if number and word == len(SMALL) else 0, len(name), name

    return min(names, key=rank)


def members() -> dict[str, str]:
    """Return a small model of each of timm's modules that register models."""
    import timm

    modules = {module: timm.list_models(module=module) for module in timm.list_modules()}
    return {module: smallest(names) for module, names in sorted(modules.items()) if names}


def outcome(name: str, size: int | None) -> str:
    """Build a classifier as a run does and show it a clip; return the shape of its answer, or the refusal."""
    import torch

    from tta_bench.config.resolve import resolve
    from tta_bench.errors import UserError
    from tta_bench.models.build import build_classifier, own_size_advice

    sized = [] if size is None else [f"clip.size={size}"]
    try:
        words = ["protocol=ucf101_ft", "tier=sample", f"backbone=timm/{name}", "clip.frames=1", *sized]
        (experiment,) = resolve(words)
        clip = experiment.clip  # type: ignore[attr-defined]
        model = build_classifier(experiment.backbone, clip, experiment.train, 8, 0).eval()  # type: ignore[attr-defined]
        with torch.no_grad(), own_size_advice(experiment.backbone, clip):
            logits = model(torch.zeros(1, 3, clip.frames, clip.size, clip.size))
        return f"runs at {clip.size}: {tuple(logits.shape)}"
    except UserError as error:
        return "refused: " + " / ".join(str(error).splitlines())
    except Exception as error:
        return f"TRACEBACK: {type(error).__name__}: {error}".splitlines()[0]


def try_all(first: int = 0, step: int = 1) -> None:
    """Print a line for each family, or each so many: module, model, own size, and both outcomes."""
    import timm
    import torch

    torch.set_num_threads(1)
    for module, name in list(members().items())[first::step]:
        known = timm.get_pretrained_cfg(name)
        own = known.input_size[-1] if known is not None else 224
        print("\t".join([module, name, str(own), outcome(name, own), outcome(name, None)]), flush=True)


@pytest.mark.zoo
def test_every_family_of_timm_runs_or_is_refused_with_a_way_out() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 4]
    assert len(rows) >= FAMILIES
    for module, name, _, own, sample in rows:
        assert own.startswith("runs"), f"{module} {name}: {own}"
        assert sample.startswith("runs") or re.search(r"clip\.size=\d+", sample), f"{module} {name}: {sample}"


def test_the_smallest_is_chosen_by_its_name() -> None:
    assert smallest(["vit_large", "vit_tiny", "vit_base"]) == "vit_tiny"
    assert smallest(["resnet152", "resnet18"]) == "resnet18"
    assert len(members()) >= FAMILIES

"""``tta-bench doctor``: what this machine has, what is missing, and how to get it."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    part: str
    found: str
    ok: bool = True
    remedy: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> None:
    """Say what this machine has: versions, devices, decoder, data roots; what is missing, and how to get it."""
    findings = [*packages(), *devices(), *decoder(), *data_roots(), *folders()]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        mark = click.style("ok" if finding.ok else "--", fg="green" if finding.ok else "yellow")
        click.echo(f"{mark} {finding.part:{width}}  {finding.found}")
        if finding.remedy:
            click.echo(f"   {'':{width}}  {finding.remedy}")


def packages() -> Iterator[Finding]:
    """Yield Python and each package, imported for real, since a file that is there may still not load."""
    yield Finding("python", sys.version.split()[0])
    from tta_bench.records.environment import OPTIONAL, PACKAGES, installed_version

    for distribution, module in PACKAGES.items():
        if distribution in OPTIONAL and installed_version(distribution) is None:
            continue
        try:
            importlib.import_module(module)
            yield Finding(module, importlib.metadata.version(distribution))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(module, f"imports, but is not the distribution {distribution}")
        except Exception as error:
            yield Finding(module, f"does not import: {error}", ok=False, remedy=f"pip install {distribution}")
    from tta_bench.models.backbones.mmaction2_compat import import_mmaction

    try:
        import_mmaction()
        yield Finding("mmaction.models", "imports, with this suite's bridges")
    except Exception as error:
        yield Finding("mmaction.models", f"does not import: {error}", ok=False)


def devices() -> Iterator[Finding]:
    """Yield the processor cores and each GPU."""
    import torch

    yield Finding("cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield Finding(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    if not torch.cuda.is_available():
        remedy = "Fine for the sample tier. For a GPU, install its driver; the torch of the package registry has CUDA."
        yield Finding("gpu", "none", ok=False, remedy=remedy)


def decoder() -> Iterator[Finding]:
    """Yield the video decoder."""
    from tta_bench.data.media.decode import decoder_version

    yield Finding("decoder", decoder_version())


def data_roots() -> Iterator[Finding]:
    """Yield where each dataset is, or how to say where it is."""
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.cards.files import card_files
    from tta_bench.config.resolve import data_root

    for name in card_files("datasets"):
        card = dataset_card(name)
        if card.generator is not None:
            yield Finding(name, "embedded, generated when needed")
            continue
        root = data_root(name, {})
        if root is None:
            yield Finding(
                name,
                "no data root",
                ok=False,
                remedy=f"say data.root=DIR, or set TTA_BENCH_DATA to a folder with {name}/",
            )
        elif not root.exists():
            yield Finding(name, f"{root} does not exist", ok=False, remedy=f"expected there:\n{card.layout}")
        else:
            yield Finding(name, str(root))


def folders() -> Iterator[Finding]:
    """Yield the cache, and the space where runs go."""
    from tta_bench.utils.paths import cache_folder, user_config

    yield Finding("cache", str(cache_folder()))
    yield Finding("config", str(user_config()) + ("" if user_config().is_file() else " (not there; optional)"))
    yield Finding("disk", f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free here")

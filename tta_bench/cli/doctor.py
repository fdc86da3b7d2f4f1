"""``tta-bench doctor``: report of packages, devices, decoder, data roots and folders, with remedies."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from tta_bench.cli.documents import echo_json, json_option


@dataclass(frozen=True)
class ReportLine:
    """One line of the doctor's report."""

    part: str
    found: str
    ok: bool = True
    remedy: str = ""


@click.command("doctor")
@json_option()
def command(as_json: bool) -> None:
    """Report versions, devices, decoder and data roots of this machine, with a remedy for what is missing."""
    lines = [*packages(), *devices(), *decoder(), *data_roots(), *folders()]
    if as_json:
        echo_json([asdict(line) for line in lines])
        return
    width = max(len(line.part) for line in lines)
    for line in lines:
        mark = click.style("ok" if line.ok else "--", fg="green" if line.ok else "yellow")
        click.echo(f"{mark} {line.part:{width}}  {line.found}")
        if line.remedy:
            click.echo(f"   {'':{width}}  {line.remedy}")


def packages() -> Iterator[ReportLine]:
    """Yield Python and each package, imported for real, since a file that is there may still not load."""
    yield ReportLine("python", sys.version.split()[0])
    from tta_bench.records.environment import OPTIONAL, PACKAGES, installed_version

    for distribution, module in PACKAGES.items():
        if distribution in OPTIONAL and installed_version(distribution) is None:
            continue
        try:
            importlib.import_module(module)
            yield ReportLine(module, importlib.metadata.version(distribution))
        except importlib.metadata.PackageNotFoundError:
            yield ReportLine(module, f"imports, but is not the distribution {distribution}")
        except Exception as error:
            yield ReportLine(module, f"does not import: {error}", ok=False, remedy=f"pip install {distribution}")
    from tta_bench.models.backbones.mmaction2_compat import import_mmaction

    try:
        import_mmaction()
        yield ReportLine("mmaction.models", "imports, with this suite's bridges")
    except Exception as error:
        yield ReportLine("mmaction.models", f"does not import: {error}", ok=False)


def devices() -> Iterator[ReportLine]:
    """Yield the processor cores and each GPU."""
    import torch

    yield ReportLine("cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        yield ReportLine(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 1e9:.0f} GB")
    if not torch.cuda.is_available():
        remedy = "Fine for the sample tier. For a GPU, install its driver; the torch of the package registry has CUDA."
        yield ReportLine("gpu", "none", ok=False, remedy=remedy)


def decoder() -> Iterator[ReportLine]:
    """Yield the video decoder."""
    from tta_bench.data.media.decode import decoder_version

    yield ReportLine("decoder", decoder_version())


def data_roots() -> Iterator[ReportLine]:
    """Yield the folder of each dataset, or a remedy where none is configured."""
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.cards.files import card_files
    from tta_bench.config.resolve import data_root

    for name in card_files("datasets"):
        card = dataset_card(name)
        if card.generator is not None:
            yield ReportLine(name, "embedded, generated when needed")
            continue
        root = data_root(name, {})
        if root is None:
            yield ReportLine(
                name,
                "no data root",
                ok=False,
                remedy=f"say data.root=DIR, or set TTA_BENCH_DATA to a folder with {name}/",
            )
        elif not root.exists():
            yield ReportLine(name, f"{root} does not exist", ok=False, remedy=f"expected there:\n{card.layout}")
        else:
            yield ReportLine(name, str(root))


def folders() -> Iterator[ReportLine]:
    """Yield the cache, and the space where runs go."""
    from tta_bench.utils.paths import cache_folder, user_config

    yield ReportLine("cache", str(cache_folder()))
    yield ReportLine("config", str(user_config()) + ("" if user_config().is_file() else " (not there; optional)"))
    yield ReportLine("disk", f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free here")

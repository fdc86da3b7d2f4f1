"""tta-bench from Python. The command line stands on these functions."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError, unknown
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.kinds import forget_kinds
from tta_bench.plugins import PluginCode, code_digest, file_of, forget_files, is_own
from tta_bench.registry import BACKBONES, load_files
from tta_bench.utils.files import require_writable

if TYPE_CHECKING:
    from torch import nn

    from tta_bench.contract.contract import Finding
    from tta_bench.protocols import ProtocolRun
    from tta_bench.protocols.base.in_turn import Done
    from tta_bench.records.schema import Record
    from tta_bench.records.views import Records


RESUME = ("missing", "never", "always")
"""Values of ``resume``."""


def run(
    protocol: str,
    backbone: str | nn.Module | None = None,
    *,
    card: Mapping[str, Any] | None = None,
    plugins: Iterable[str | Path] = (),
    work_dir: str | Path = "runs",
    resume: str = "missing",
    wait: bool = False,
    **keys: Any,
) -> list[Record]:
    """Run a protocol and return a record for each split and seed, as ``tta-bench run`` does.

    ``run("ucf101_ft", "resnet50", split=[1, 2, 3], data={"root": "/data/ucf101"}, train={"epochs": 5})``

    Args:
        protocol: Name of a protocol card.
        backbone: Name of a backbone card, or a module that takes clips ``float (B, 3, T, H, W)`` and gives features
            ``(B, D)`` or tokens ``(B, N, D)``. A module trains from the weights that it has, on a copy.
        card: For a module, the fields of its card; ``frames`` and ``size`` at least.
        plugins: Plug-in files.
        work_dir: Folder for checkpoints, predictions and records.
        resume: ``missing``, ``never`` or ``always``, as on the command line.
        wait: Wait for what another process trains in this folder, instead of leaving it out.
        keys: The command line's other keys; those with a dot may be nested: ``train={"lr": 1e-3}``.

    Raises:
        BenchError: The user's mistake, or a run that ended in ``error``.
    """
    code: tuple[PluginCode, ...] = ()
    if resume not in RESUME:
        raise unknown("value of resume", str(resume), RESUME)
    if isinstance(plugins, str | Path):
        plugins = (plugins,)
    if backbone is not None and not isinstance(backbone, str):
        backbone, module_code = register_instance(backbone, card or {})
        code = (module_code,)
    elif card is not None:
        raise UserError("card= describes a module, and backbone= is a name.", "Its card says the rest.")
    named = {"protocol": protocol} | ({} if backbone is None else {"backbone": backbone})
    chosen = experiments(tuple(words({**named, **keys})), map(Path, plugins), code)
    return run_all(chosen, as_path("work_dir", work_dir), resume, wait)


def load_records(folder: str | Path = "runs") -> Records:
    """Return the records in a folder of runs, or in a folder of records, sorted by file name.

    ``load_records().to_frame()`` is a table of them.

    Raises:
        UserError: There is no such folder, or a record in it cannot be read.
    """
    from tta_bench.records.store import load_records as load
    from tta_bench.records.views import Records

    folder = as_path("folder", folder)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}.")
    return Records(load(folder / "records" if (folder / "records").is_dir() else folder))


def experiments(given: Sequence[str], plugins: Iterable[Path], code: Sequence[PluginCode] = ()) -> list[Experiment]:
    """Return the experiments that ``key=value`` words ask for, with plug-in files imported first."""
    return resolve(given, (*load_files(plugins), *code))


def run_all(chosen: Sequence[Experiment], work_dir: Path, resume: str, wait: bool = False) -> list[Record]:
    """Run experiments and return the record of each that was tested; see `run_in_turn`.

    Raises:
        BenchError: One failed; the others were run before it is raised.
    """
    done = run_in_turn(chosen, work_dir, resume, wait)
    if done.failure is not None:
        raise done.failure
    return done.records


def run_in_turn(chosen: Sequence[Experiment], work_dir: Path, resume: str, wait: bool = False) -> Done:
    """Run experiments one after the other: one that fails, or that another process does, ends no other.

    Under torchrun this process is one of several that share each; all but the first write to ``<work_dir>/ranks``.

    Raises:
        UserError: A launcher and ``runtime.devices`` disagree.
    """
    from tta_bench.boards.web.plots import with_pictures
    from tta_bench.engine.world import join, launched
    from tta_bench.protocols.base.in_turn import run_in_turn as run_each
    from tta_bench.protocols.base.launch import require_agreement, run_shared
    from tta_bench.protocols.base.rank import speak_to

    if launched() > 1:
        if rank := int(os.environ["RANK"]):
            speak_to(work_dir / "ranks" / f"{rank}.log")
        for experiment in chosen:
            require_agreement(experiment, launched())
    world = join()
    several = len({experiment.backbone.name for experiment in chosen}) > 1
    names = [
        f"{experiment.backbone.name}, " * several + f"split {experiment.split}, seed {experiment.seed}"
        for experiment in chosen
    ]
    starts = [partial(start, experiment, work_dir, resume) for experiment in chosen]
    done = run_each(zip(names, starts, strict=True), wait, with_pictures(run_shared))
    if done.failure is None:
        world.leave()
    return done


def submit(chosen: Sequence[Experiment], file: Path, work_dir: Path, resume: str) -> None:
    """Run one experiment and write the file that a challenge takes of its unlabelled test part; there is no record.

    Raises:
        UserError: Several runs were asked for, or one of a protocol without such a part, or of another part.
    """
    if len(chosen) != 1:
        raise UserError(f"--submission is one file, and {len(chosen)} runs were asked for.", "Say one seed.")
    from tta_bench.engine.world import launched

    if chosen[0].runtime.devices != 1 or launched() > 1:
        raise UserError("--submission runs on one process.", "Leave out runtime.devices, or torchrun.")
    start(chosen[0], work_dir, resume).submit(file)


def start(experiment: Experiment, work_dir: Path, resume: str) -> ProtocolRun:
    """Return an experiment ready to run. A plug-in's backbone is tested against the contract's quick rules first.

    Raises:
        UserError: The backbone breaks a rule, or the protocol lacks a method; says what was expected and found.
    """
    from tta_bench.protocols import load_protocol
    from tta_bench.protocols.base.start_weights import require_weights

    require_writable(work_dir)
    require_weights(experiment, work_dir)  # before torch is loaded and anything is decoded
    protocol = load_protocol(experiment.protocol.component)
    if experiment.plugins:
        from tta_bench.contract.contract import require_contract

        for card, clip in experiment.clips_to_check():
            if not is_own(BACKBONES.get(card.component)):
                require_contract(card, clip)
    return protocol(experiment, work_dir, resume)


def forget_plugins() -> None:
    """Forget all that plug-ins added in this process: modules, components, cards and kinds of experiments."""
    from tta_bench.cards import catalog
    from tta_bench.metrics import METRICS
    from tta_bench.registry import REGISTRIES

    for registry in REGISTRIES:
        registry.forget_plugins()
    METRICS.forget_plugins()
    forget_kinds()
    catalog.forget_added()
    forget_files()


def check(name: str, plugins: Sequence[Path] = ()) -> tuple[tuple[PluginCode, ...], list[Finding]]:
    """Test a backbone, dataset or protocol against its contract; see `tta_bench.contract.check.check`.

    Raises:
        UserError: There is no such card, and no plug-in that should have brought it.
    """
    from tta_bench.contract.check import check as check_name
    from tta_bench.protocols import load_protocol

    return check_name(name, plugins, load_protocol)


def words(keys: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield ``key=value`` words for keys and values as Python has them; a mapping's keys are dotted."""
    for key, value in keys.items():
        if isinstance(value, Mapping):
            yield from words(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={_text(f'{prefix}{key}', value)}"


def register_instance(module: nn.Module, card: Mapping[str, Any]) -> tuple[str, PluginCode]:
    """Make a module a backbone; return its card's name and its identity: structure, weights and code.

    Raises:
        UserError: It is no module; or the card lacks a field, or has one that is unknown or wrong.
    """
    from torch import nn

    if isinstance(module, type):
        name = module.__name__
        raise UserError(
            f"backbone= is the class {name}, not a module.", f"Give an instance of it: backbone={name}(...)."
        )
    if not isinstance(module, nn.Module):
        raise UserError(f"backbone= takes a name or a torch.nn.Module, and a {type(module).__name__} was given.")
    if not isinstance(card, Mapping):
        raise UserError(f"card= takes a dict of a card's fields, and a {type(card).__name__} was given.")
    kind = type(module).__name__
    sha256 = _digest(module)
    name = f"{card.get('name', kind)}-{sha256[:8]}"
    if name not in BACKBONES.module_dict:
        fields = {"summary": f"A {kind} given from Python", **card}
        fields.pop("name", None)
        BACKBONES.register_module(name, module=partial(copy.deepcopy, module), **fields)
    return name, PluginCode(f"{type(module).__module__}.{type(module).__qualname__}", None, sha256)


def _digest(module: nn.Module) -> str:
    from torch import Tensor, uint8
    from torch.nn.parameter import is_lazy

    digest = hashlib.sha256(repr(module).encode())
    kinds = {type(child) for child in module.modules() if not type(child).__module__.startswith("torch.")}
    for path in sorted({path for kind in kinds if (path := file_of(kind)) is not None}):
        digest.update(code_digest(path).encode())
    for name, tensor in module.state_dict().items():
        if not isinstance(tensor, Tensor):  # what a module's get_extra_state gives
            digest.update(f"{name} {tensor!r}".encode())
            continue
        if is_lazy(tensor):
            kind = type(module).__name__
            raise UserError(
                f"{kind} has lazy layers, and {name} has no shape yet.", "Show it a clip first: module(clip)."
            )
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().flatten().view(uint8).numpy().tobytes())
    return digest.hexdigest()


def as_path(name: str, value: object) -> Path:
    """Return the path that an argument gives; raises UserError for what is none."""
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"{name}= takes a path, and a {type(value).__name__} was given.")
    return Path(value)


def _text(key: str, value: Any) -> str:
    """Return a value as a word has it: of a list, a range or an array the elements with commas between them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float | os.PathLike):
        return str(value)
    if callable(getattr(value, "tolist", None)):  # an array or a number of NumPy's or torch's
        return _text(key, value.tolist())
    if isinstance(value, list | tuple | range) and not any(isinstance(part, list | tuple | range) for part in value):
        return ",".join(_text(key, part) for part in value)
    raise UserError(
        f"{key}= takes a number, a text, a path or a flat list of them, and a {type(value).__name__} was given."
    )

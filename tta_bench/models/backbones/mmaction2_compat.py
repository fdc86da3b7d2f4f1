"""Bridges between the OpenMMLab packages and today's PyTorch; each names the error without it.

tests/models/backbones/test_mmaction2_compat.py fails for a bridge that is no longer needed.
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

from tta_bench.errors import UserError

LAST_TRANSFORMERS = (4, 55)
"""Newest Hugging Face transformers whose ``modeling_utils`` has what MMAction2's VindLU imports from it."""


def import_mmaction() -> ModuleType:
    """Return the package ``mmaction`` with its models imported, and so registered under the scope ``mmaction``.

    Raises:
        UserError: If MMAction2 is not installed.
    """
    spec = util.find_spec("mmaction")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "MMAction2 is not installed.",
            "Its requirement decord has wheels for x86-64 Linux and Windows only; nothing used here needs it: "
            "pip install --no-deps mmaction2 && pip install einops",
        )
    bridge_localizers(Path(spec.submodule_search_locations[0]))
    bridge_multimodal()
    with warnings.catch_warnings():
        # mmcv-lite has no compiled operators; no model used here calls one.
        warnings.filterwarnings("ignore", message="Fail to import ``MultiScaleDeformableAttention``")
        importlib.import_module("mmaction.models")
    return importlib.import_module("mmaction")


def build_mmaction(config: Mapping[str, Any]) -> Any:
    """Return a module of MMAction2, with the initial weights that it gives itself.

    Its parts are looked up under MMAction2's scope, whatever scope a Runner has set. What it logs is left out: lines
    for every block and every parameter, on the screen and in the log file of a run before this one.

    Args:
        config: ``type``, a name in MMAction2's registry, and the arguments of its class.
    """
    import_mmaction()
    from mmaction.registry import MODELS
    from mmengine.model import BaseModule
    from mmengine.registry import DefaultScope

    dump, level = BaseModule._dump_init_info, logging.root.manager.disable
    BaseModule._dump_init_info = _say_nothing
    logging.disable(logging.INFO)
    try:
        with DefaultScope.overwrite_default_scope("mmaction"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.meshgrid")
            module = MODELS.build(dict(config))
            module.init_weights()
    finally:
        BaseModule._dump_init_info = dump
        logging.disable(level)
    return module


def _say_nothing(_: Any) -> None: ...


def bridge_localizers(package: Path) -> None:
    """Stand in for ``mmaction.models.localizers.drn``, a folder that the wheel of MMAction2 1.2.0 lacks.

    Without it ``import mmaction.models`` ends in ModuleNotFoundError (open-mmlab/mmaction2, issue 2714).
    """
    if not (package / "models" / "localizers" / "drn" / "drn.py").exists():
        _stub("mmaction.models.localizers.drn")
        vars(_stub("mmaction.models.localizers.drn.drn"))["DRN"] = type("DRN", (), {"__doc__": "Not in the wheel."})


def bridge_multimodal() -> None:
    """Stand in for ``mmaction.models.multimodal`` where transformers is newer than it can use.

    Without it ``import mmaction.models`` ends in ImportError: VindLU takes ``apply_chunking_to_forward`` from
    ``transformers.modeling_utils``, which no longer has it.
    """
    try:
        major, minor = metadata.version("transformers").split(".")[:2]
    except metadata.PackageNotFoundError:
        return
    if (int(major), int(minor)) > LAST_TRANSFORMERS:
        _stub("mmaction.models.multimodal")


def _stub(name: str) -> ModuleType:
    """Return the module of this name, an empty one if none is imported yet."""
    return sys.modules.setdefault(name, ModuleType(name, "Stands in for a module that cannot be imported."))

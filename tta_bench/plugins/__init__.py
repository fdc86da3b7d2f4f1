"""Plug-ins: registering a backbone, loading files, testing against the contract, writing a new package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

from tta_bench import cards
from tta_bench.extensions import PluginCode, code_of_file, import_file

Maker = TypeVar("Maker", bound=Callable[..., Any])


def register_backbone(
    name: str,
    *,
    modality: Literal["video", "image", "audio"] = "video",
    frames: int = 0,
    size: int = 0,
    **fields: Any,
) -> Callable[[Maker], Maker]:
    """Return a decorator that makes a function or class, which returns the backbone, a backbone with a card.

    Args:
        name: What the command line calls it.
        modality: ``video`` modules take clips ``float (B, 3, T, H, W)``; ``image`` modules take ``(B, 3, H, W)`` and
            are lifted over frames. Both give features ``(B, D)`` or tokens ``(B, N, D)``. ``audio`` is a function that
            is not trained: of mono 16 kHz ``float32 (S,)`` in [-1, 1), it gives ``(D,)`` or ``(T', D)``.
        frames: Frames of a clip, where it is shown any.
        size: Height and width of a clip in pixels, where it is shown any.
        fields: Any other field of a backbone card, ``size_multiple=16`` for instance. ``summary`` defaults to the first
            line of the docstring, ``recipe`` to ``cnn``, for sound to ``audio``.

    Raises:
        UserError: The name is taken (says by which file), or a field is wrong.
    """
    from tta_bench.components import BACKBONES  # mmengine takes a moment to import

    decorator: Callable[[Maker], Maker] = BACKBONES.register_module(
        name, modality=modality, frames=frames, size=size, **fields
    )
    return decorator


def load_files(files: Iterable[Path]) -> tuple[PluginCode, ...]:
    """Import plug-in files, add the card ``NAME.yaml`` that stands beside ``NAME.py``, and return which code they are.

    Raises:
        UserError: A file is not there, fails to import, or brings a name that is taken.
    """
    return tuple(_load(file.expanduser().resolve()) for file in files)


def _load(file: Path) -> PluginCode:
    import_file(file)
    beside = file.with_suffix(".yaml")
    if beside.is_file():
        data = cards.read_card_data(beside)
        if cards.origin("backbones", str(data.get("name"))) != beside:
            cards.add("backbones", cards.validate(cards.BackboneCard, data, beside), beside)
    return code_of_file(file)

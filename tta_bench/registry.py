"""The MMEngine registries of components: a card's ``component`` is looked up here.

Scope and locations are given outright, because the ones MMEngine infers depend on which module asked first. The modules
of a location are imported when something is first looked up, so importing this module loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from mmengine.registry import Registry

from tta_bench.cards import catalog
from tta_bench.cards.files import card_files, read_card_data, read_yaml
from tta_bench.cards.kinds import BackboneCard
from tta_bench.cards.validation import validate
from tta_bench.errors import UserError
from tta_bench.plugins import PluginCode, code_of_file, file_of, import_file, import_submodules, is_own

REGISTRIES: list[ComponentRegistry] = []
"""Every registry of components; each adds itself."""


class ComponentRegistry(Registry):  # type: ignore[misc]
    """MMEngine's registry, filled from every module of its location, and looked up by registered name alone.

    MMEngine's own ``get`` imports any dotted name it is asked for, ``os.system`` included; a card is a stranger's text.

    Args:
        name: Name of the registry.
        location: Package whose modules register components.
        module: In a package of folders, the module of each that does.
    """

    _imported: bool

    def __init__(self, name: str, location: str, module: str | None = None) -> None:
        super().__init__(name, scope="tta_bench", locations=[location])
        self.module = module
        REGISTRIES.append(self)

    def import_from_location(self) -> None:
        """Import the modules of the location, once."""
        if not self._imported:
            for location in self._locations:
                import_submodules(location, self.module)
            self._imported = True

    def forget_plugins(self) -> None:
        """Forget every component that is not the suite's own."""
        for name in [name for name, component in self.module_dict.items() if not is_own(component)]:
            del self.module_dict[name]

    def get(self, key: str) -> Any:
        """Return the component that was registered under a name, or None."""
        if key not in self.module_dict:
            self.import_from_location()
        return self.module_dict.get(key)


class Backbones(ComponentRegistry):
    """MMEngine's registry of backbones, in which keywords beside a name make a card.

    ``@BACKBONES.register_module()`` registers a function or class whose card is a YAML file, and
    ``@BACKBONES.register_module("my_net", frames=8, size=64)`` one whose card is made of the keywords.
    """

    def register_module(
        self, name: str | list[str] | None = None, force: bool = False, module: Any = None, **card: Any
    ) -> Any:
        """Register a function or class, as MMEngine does, and make a card of further keywords.

        Args:
            name: Name of component and card; by default that of the function or class.
            force: Replace a component of that name.
            module: The function or class; without it a decorator is returned.
            card: Fields of a `BackboneCard`. ``summary`` defaults to the first line of the docstring, ``recipe`` to
                ``cnn`` (for sound to ``audio``), ``component`` to the name.

        Raises:
            UserError: The name is taken (says by which file), or a field of the card is wrong.
        """
        if module is None:
            return lambda made: self.register_module(name, force, made, **card)
        title = name if isinstance(name, str) else getattr(module, "__name__", type(module).__name__)
        taken = None if force else self.module_dict.get(title)
        if taken is not None:
            raise UserError(
                f"two backbone components are called '{title}': "
                f"{file_of(taken) or 'this session'} and {file_of(module) or 'this session'}.",
                "Rename one of them.",
            )
        if card:
            catalog.add("backbones", card_of(title, module, card), module)
        return super().register_module(name, force, module)


def card_of(name: str, made: Callable[..., Any], fields: Mapping[str, Any]) -> BackboneCard:
    """Return the card of a function or class that makes a backbone.

    Raises:
        UserError: A field is unknown, missing or wrong; each is named.
    """
    said = (made.__doc__ or "").strip().splitlines()
    summary = said[0] if said else "A plug-in backbone"
    recipe = "audio" if fields.get("modality") == "audio" else "cnn"
    defaults = {"name": name, "component": name, "summary": summary, "recipe": recipe}
    return validate(BackboneCard, defaults | dict(fields), f"backbone {name}")


BACKBONES = Backbones("backbone", "tta_bench.models.backbones")
"""Functions and classes that return an ``nn.Module``: ``(B, 3, T, H, W) -> (B, D)`` or ``(B, N, D)``.

A backbone for sound is a function of ``float32 (S,)``, one of ready features of a file: ``(D,)`` or ``(T', D)``.
"""

DATASETS = ComponentRegistry("dataset", "tta_bench.data.datasets")
"""Classes that read a dataset's layout from a folder: ``Dataset(root).split(1)``."""

PROTOCOLS = ComponentRegistry("protocol", "tta_bench.protocols", "run")
"""Classes that turn an experiment into records."""


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
    decorator: Callable[[Maker], Maker] = BACKBONES.register_module(
        name, modality=modality, frames=frames, size=size, **fields
    )
    return decorator


def load_files(files: Iterable[Path]) -> tuple[PluginCode, ...]:
    """Import plug-in files, each with the card ``NAME.yaml`` beside ``NAME.py``, and return the identity of their code.

    The card is a backbone's, a dataset's or a protocol's: whose registry holds its ``component``.

    Raises:
        UserError: A file is not there, fails to import, or brings a name that is taken.
    """
    return tuple(_load(file.expanduser().resolve()) for file in files)


def _load(file: Path) -> PluginCode:
    import_file(file)
    beside = file.with_suffix(".yaml")
    if beside.is_file():
        group = _group_of(beside, file)
        data = read_card_data(beside, group)
        if catalog.origin(group, str(data.get("name"))) != beside:
            if group == "protocols":  # its component's experiment tells the kind of card, when it is loaded
                catalog.add_file(group, beside)
            else:
                catalog.add(group, validate(catalog.GROUPS[group], data, beside), beside)
    return code_of_file(file)


def _group_of(card: Path, code: Path) -> str:
    """Return the group of a card file beside a plug-in file: by its component, or by the card that it is laid on.

    A component that the plug-in registers goes before others of its name. Without any it is taken for a backbone.
    """
    registries = {"backbones": BACKBONES, "datasets": DATASETS, "protocols": PROTOCOLS}
    data = read_yaml(card.read_text(encoding="utf-8"), str(card))
    component, base = (str(data.get(key)) for key in ("component", "_base_")) if isinstance(data, dict) else ("", "")
    made = {group: registry.module_dict.get(component) for group, registry in registries.items()}
    rules: list[Callable[[str], bool]] = [
        lambda group: made[group] is not None and file_of(made[group]) == code,
        lambda group: base in card_files(group),
        lambda group: registries[group].get(component) is not None,
    ]
    return next((group for rule in rules for group in registries if rule(group)), "backbones")

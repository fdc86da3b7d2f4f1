"""Stand-ins for what training scripts store beside the parameters: read past, never built.

A stand-in takes the place of an object in a pickle. It ignores what the object would be built from, so nothing of the
object's module is imported or run.
"""

from __future__ import annotations

import re
from collections import OrderedDict

_PLAIN = r"(set|frozenset|range|slice|complex|bytearray|object|int|float|str|bytes|bool|list|dict|tuple|type|getattr)"
_NUMPY = r"(dtype|ndarray|generic|number|bool_?|u?int\w*|float\w*|complex\w*|str_|bytes_|object_|dtypes\.\w+)"
NAMES = re.compile(
    rf"""
    builtins\.{_PLAIN} | {_PLAIN}
    | numpy\.{_NUMPY} | numpy\.(_core|core)\.(multiarray|numeric)\.(_reconstruct|scalar|_frombuffer)
    | numpy\.random\.[\w.]+
    | argparse\.Namespace | types\.SimpleNamespace | functools\.partial | typing\.\w+ | enum\.\w+
    | pathlib(\._local)?\.\w*Path | collections\.(defaultdict|deque|ChainMap|UserDict|UserList)
    | datetime\.\w+ | decimal\.Decimal | fractions\.Fraction | uuid\.\w+ | zoneinfo\.\w+
    | (copyreg|copy_reg)\._reconstructor | _codecs\.encode
    | torch\.torch_version\.TorchVersion | torch\.(Generator|Size|device|dtype)
    | (torch\.optim|torch\.nn\.modules\.(activation|loss))\.[\w.]+
    | (mmengine|mmcv|mmaction|omegaconf|yacs|fvcore|iopath|easydict|addict|munch|ml_collections|box)\.[\w.]+
    | (pytorch_lightning|lightning|lightning_fabric|lightning_utilities|torchmetrics|accelerate)\.[\w.]+
    | (detectron2\.config|transformers|huggingface_hub|hydra|jsonargparse|timm\.(utils|data|scheduler))\.[\w.]+
    """,
    re.VERBOSE,
)
"""Names that a pickle may mention; none is looked up."""
_MAPPINGS = re.compile(r"[\w.]*(dict|Dict|CfgNode|Munch|ModelOutput|ChainMap)")
_LISTS = re.compile(r"[\w.]*(deque|UserList)")


class Opaque:
    """Stands for an object of a checkpoint that is not built; it holds nothing."""

    def __new__(cls, *args: object, **options: object) -> Opaque:
        """Ignore what the object would be built from."""
        return super().__new__(cls)

    def __init__(self, *args: object, **options: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        """Ignore what the object would be filled with."""


class _PlainMapping:
    """Stands for a kind of dictionary: a plain one is made, and filled with what the other held."""

    def __new__(cls, *args: object, **options: object) -> OrderedDict[str, object]:  # type: ignore[misc]
        """Return an empty dictionary."""
        return OrderedDict()


class _PlainList:
    """Stands for a kind of list: a plain one is made, and filled with what the other held."""

    def __new__(cls, *args: object, **options: object) -> list[object]:  # type: ignore[misc]
        """Return an empty list."""
        return []


def stand_in(name: str) -> type | None:
    """Return the class that stands for a name in a pickle, or None for a name that is refused."""
    if not NAMES.fullmatch(name):
        return None
    if _MAPPINGS.fullmatch(name):
        return _PlainMapping
    return _PlainList if _LISTS.fullmatch(name) else Opaque

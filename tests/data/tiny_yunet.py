"""An ONNX file with YuNet's inputs and outputs, in which a face is a red square; written without a package for ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np

STRIDES = (8, 16, 32)


def write_tiny_yunet(path: Path) -> Path:
    """Write a detector that scores each cell by its mean of red, with boxes of exp(.5) cells in the cells' middles.

    The picture's channels are blue, green and red, as OpenCV has them.
    """
    constants = {
        "red": np.array([0, 0, 1 / 255], np.float32).reshape(1, 3, 1, 1),
        "nothing4": np.zeros((4, 1, 1, 1), np.float32),
        "half4": np.full(4, 0.5, np.float32),
        "nothing10": np.zeros((10, 1, 1, 1), np.float32),
    }
    nodes = [_node("Conv", ["input", "red"], "reds")]
    for stride in STRIDES:
        cells = f"cells_{stride}"
        nodes.append(_node("AveragePool", ["reds"], cells, kernel_shape=(stride, stride), strides=(stride, stride)))
        for name in ("cls", "obj"):
            nodes.append(_node("Relu", [cells], f"{name}_{stride}"))
        nodes.append(_node("Conv", [cells, "nothing4", "half4"], f"bbox_{stride}"))
        nodes.append(_node("Conv", [cells, "nothing10"], f"kps_{stride}"))
    outputs = [f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"tiny"),
            *(_bytes(5, _tensor(name, values)) for name, values in constants.items()),
            _bytes(11, _value("input", (1, 3, 320, 320))),
            *(_bytes(12, _value(name, ())) for name in outputs),
        ]
    )
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 13)))
    return path


def _node(kind: str, inputs: list[str], output: str, **lists: tuple[int, ...]) -> bytes:
    attributes = [
        _bytes(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7)
        for name, values in lists.items()
    ]
    return b"".join(
        [
            *(_bytes(1, name.encode()) for name in inputs),
            _bytes(2, output.encode()),
            _bytes(3, output.encode()),
            _bytes(4, kind.encode()),
            *(_bytes(5, attribute) for attribute in attributes),
        ]
    )


def _tensor(name: str, values: np.ndarray) -> bytes:  # type: ignore[type-arg]
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, 1) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, size)) for size in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    """Return a protobuf field with a whole number."""
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    """Return a protobuf field with bytes, a text or a message."""
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])

"""Inputs of pre-training's clips that the official code and this project are both run on."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

_RECIPE = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("recipe_inputs.py"))))
Draws, pixels = _RECIPE.Draws, _RECIPE.pixels

LENGTHS = range(1, 301)
SAMPLINGS = {"v2": (16, 4), "dense": (16, 1), "sample": (8, 5)}
"""Frames and stride."""

SIZE = 224
FRAME_SHAPES = [(240, 320), (320, 240), (256, 340), (720, 1280), (226, 226), (222, 300), (223, 224), (340, 120)]
"""Some sides, times a scale, are within 3 pixels of the size; where they are smaller, the window exceeds the frame."""
SEEDS = range(1, 201)

VIEWS = {"shape": (3, 60, 84, 3), "size": 24, "seeds": range(1, 13)}
SMALL_VIEWS = {"shape": (2, 23, 31, 3), "size": 24, "seeds": range(1, 25)}
"""The frame is one pixel lower than the view."""

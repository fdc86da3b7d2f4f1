"""tta-bench: how good is this backbone on human action and human reaction, under one protocol for all?"""

__version__ = "0.1.0"

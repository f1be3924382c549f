"""One architecture a file; `registry.py` has them all by name."""

from .registry import ARCHITECTURES, Architecture, Kind, Name, architecture

__all__ = ["ARCHITECTURES", "Architecture", "Kind", "Name", "architecture"]

"""Memory freed by a step is allocated again by the next one. It is kept, instead of being returned to the system and allocated page by page."""

import ctypes
import platform

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""glibc's names for `mallopt`, of malloc.h."""


def keep_memory() -> None:
    """Applies to the whole process, under glibc; elsewhere it does nothing. Without it, a sixth of a step of DCN-v2 is page faults."""
    if platform.libc_ver()[0] != "glibc":
        return
    set_option = ctypes.CDLL(None).mallopt
    for option, size in ((MMAP_THRESHOLD, 32 << 20), (TRIM_THRESHOLD, 1 << 30), (TOP_PAD, 64 << 20)):
        set_option(option, size)

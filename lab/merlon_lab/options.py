"""`--set key=value` → an architecture's frozen options."""

import argparse
import ast
import math
import types
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import LabError


def parse_options(kind: type[Any], settings: Sequence[str]) -> Any:
    """`["dim=32", "hidden=64,32", "shared=user_brand+item_brand"]` → options. Raises LabError for a name or a value that does not fit."""
    hints = get_type_hints(kind)
    chosen: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or name not in hints:
            raise LabError(f"`--set {setting}`: there is no option `{name}`. There are {', '.join(f'{f.name} ({f.default})' for f in fields(kind))}.")
        try:
            chosen[name] = _value(hints[name], text)
        except (ValueError, SyntaxError) as error:
            raise LabError(f"`--set {setting}`: `{text}` is no {getattr(hints[name], '__name__', hints[name])}.") from error
        for value in chosen[name] if isinstance(chosen[name], tuple) else [chosen[name]]:
            _check_size(setting, name, value)
    return kind(**chosen)


PARTS = ("dropout", "mask_rate")


def _check_size(setting: str, name: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise LabError(f"`--set {setting}`: `{name}` counts something. Give 1 or more.")
    if isinstance(value, float) and not 0 <= value < (1 if name in PARTS else math.inf):
        raise LabError(f"`--set {setting}`: `{name}` is {'a part, from 0 to below 1' if name in PARTS else 'a number from 0 up'}.")


def count(low: int = 1) -> Callable[[str], int]:
    """For argparse: a whole number of at least `low`."""

    def int_from(text: str) -> int:
        if (value := int(text)) < low:
            raise argparse.ArgumentTypeError(f"{text} is below {low}")
        return value

    return int_from


def number(low: float, high: float = math.inf, *, open_low: bool = False) -> Callable[[str], float]:
    """For argparse: a number from `low` (above it, if `open_low`) to below `high`."""

    def float_from(text: str) -> float:
        value = float(text)
        if not low <= value < high or (open_low and value == low):
            limits = f"{'above' if open_low else 'from'} {low:g}" + (f" to below {high:g}" if high < math.inf else "")
            raise argparse.ArgumentTypeError(f"{text} is no number {limits}")
        return value

    return float_from


def _value(hint: Any, text: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return None if text == "none" else _value(next(a for a in get_args(hint) if a is not type(None)), text)
    if hint is bool:
        return {"true": True, "false": False}[text] if text in ("true", "false") else ast.literal_eval("")
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if get_origin(inner) is tuple:
            return tuple(tuple(group.split("+")) for group in text.split(",") if group)
        return tuple(_value(inner, part) for part in text.split(",") if part)
    return hint(text)


def plain(options: Any) -> dict[str, Any]:
    return asdict(options)


def restore(kind: type[Any], document: dict[str, Any]) -> Any:
    """Options as a run folder keeps them."""
    made = {name: tuple(tuple(v) if isinstance(v, list) else v for v in value) if isinstance(value, list) else value for name, value in document.items()}
    return kind(**made)

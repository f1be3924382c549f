"""`--set key=value` -> an architecture's frozen options."""

import ast
import types
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import LabError


def parse_options(kind: type[Any], settings: Sequence[str]) -> Any:
    """`["dim=32", "hidden=64,32", "shared=user_brand+item_brand"]` -> options. Raises LabError for a name or a value that does not fit."""
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
    return kind(**chosen)


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

"""Values from a file, as the dataclass that declares them: each of its type, and in its range."""

import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from numser.errors import quoted

T = TypeVar("T")
_KINDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false", list: "a list",
          dict: "an object"}  # fmt: skip
_WITHOUT = {int: (-(2**63), 2**63 - 1), float: (-sys.float_info.max, sys.float_info.max)}  # a declared range
_NO_TEXT = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")  # the rest of the surrogates stand for bytes of a file's name


def from_json(cls: type[T], values: Any, name: str = "") -> T:
    """A dataclass from the object that JSON has of it; `name` is what messages call it.

    Each field should be of the type that it declares, and numbers in it finite, and from `least` to `most` of its
    metadata. What is missing has the field's default; what is more is left out.

    Raises      ValueError: a field is missing, or is not what it should be; the message says which, and what
    """
    if not isinstance(values, dict):
        raise ValueError(f"{name or 'it'} should be an object, found {quoted(values)}")
    found = {}
    for f in fields(cls):  # type: ignore[arg-type]
        full = f"{name}.{f.name}" if name else f.name
        if f.name in values:
            found[f.name] = _of_kind(f.type, values[f.name], full, f.metadata)
        elif f.default is MISSING:
            raise ValueError(f"{full} is missing")
    return cls(**found)


def _of_kind(kind: Any, value: Any, name: str, limits: Mapping[str, Any]) -> Any:
    """A value as JSON has it: one of _KINDS, a list or dict of them, a dataclass; or one of these or None."""
    if isinstance(kind, UnionType):
        return None if value is None else _of_kind(get_args(kind)[0], value, name, limits)
    if isinstance(kind, type) and is_dataclass(kind):
        return kind.from_json(value, name) if hasattr(kind, "from_json") else from_json(kind, value, name)
    plain, wanted = get_origin(kind) or kind, ""
    fits = type(value) is plain or (plain is float and type(value) is int)
    if plain in (int, float):
        least, most = limits.get("least"), limits.get("most")
        if least is not None and most is not None:
            wanted = f" from {least:g} to {most:g}"
        else:
            least, most = _WITHOUT[plain]
        fits = fits and least <= value <= most  # NaN is not
    elif plain is str:
        fits = fits and not _NO_TEXT.search(value)
    if not fits:
        raise ValueError(f"{name} should be {_KINDS[plain]}{wanted}, found {quoted(value)}")
    if plain is float:
        return float(value)
    if plain is list:
        return [_of_kind(get_args(kind)[0], item, f"{name}[{i}]", limits) for i, item in enumerate(value)]
    if plain is dict:
        return {key: _of_kind(get_args(kind)[1], item, f"{name}.{key}", limits) for key, item in value.items()}
    return value

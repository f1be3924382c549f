"""Reads the Merlin schema of a fitted workflow: the columns a model can be built from, chosen by tag, sized by domain."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import LabError

COMPOUND = {
    "user_id": ("user", "id"),
    "item_id": ("item", "id"),
    "session_id": ("session", "id"),
    "binary_classification": ("binary", "classification"),
    "multi_class_classification": ("multi_class", "classification"),
}
"""Tags that Merlin splits into atoms."""


@dataclass(frozen=True)
class Column:
    """One column of the transformed data."""

    name: str
    dtype: str
    """`int64`, `int32`, `float32`, `string`, …: of the values, for a list"""
    tags: frozenset[str]
    cardinality: int | None
    """Number of ids (largest of the domain + 1), for a categorical column."""
    is_list: bool = False
    domain: str | None = None
    """Columns whose domains share a name share an embedding table."""
    vocabulary: str | None = None
    """Checksum of the values of the ids, in id order; None for fits of older versions."""

    @property
    def is_categorical(self) -> bool:
        return "categorical" in self.tags or (self.cardinality is not None and "continuous" not in self.tags)

    @property
    def is_target(self) -> bool:
        return bool(self.tags & {"target", "regression", "classification"})

    @property
    def is_logged(self) -> bool:
        """Read in training alone: a weight, a propensity, a position."""
        return "logged" in self.tags

    def has(self, *tags: str) -> bool:
        return self.tags.issuperset(tags)


@dataclass(frozen=True)
class Schema:
    """The columns of a fitted workflow, in output order."""

    columns: tuple[Column, ...]
    path: str = "schema"

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        found = next((c for c in self.columns if c.name == name), None)
        if found is None:
            raise LabError(f"{self.path} has no column `{name}`. It has {listed(c.name for c in self.columns)}.")
        return found

    @property
    def features(self) -> tuple[Column, ...]:
        """The possible inputs of a model: all but targets, and columns of the log."""
        return tuple(c for c in self.columns if not c.is_target and not c.is_logged)

    @property
    def targets(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.is_target)

    def tagged(self, *tags: str) -> tuple[Column, ...]:
        """Features with any of these tags."""
        return tuple(c for c in self.features if c.tags & set(tags))

    def only(self, tags: Sequence[str], purpose: str, *, is_list: bool = False) -> Column:
        """The one feature that carries all these tags."""
        found = [c for c in self.features if c.has(*tags) and c.is_list == is_list]
        if len(found) == 1:
            return found[0]
        what = "list column" if is_list else "column"
        helper = f"tagAs{tags[0].capitalize()}Id()" if "id" in tags else f'addTags("{tags[0]}")'
        raise LabError(
            f"{purpose} needs one {what} with the tags {listed(tags)}; {self.path} has "
            f"{listed(c.name for c in found) if found else 'none'}. Write `>> {helper}` after that column in the workflow, and fit it again."
        )


def listed(names: Iterable[str]) -> str:
    """`` `a`, `b` and `c` ``"""
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted) or "none"


def read_schema(workflow: Path) -> Schema:
    """Schema of the workflow fitted in this folder, or of a folder of transformed Parquet; or the JSON file itself.

    Raises LabError for a file that is missing or no schema, and for a tag on a column of the wrong type.
    """
    places = [workflow / ".merlin" / "schema.json", workflow / "schema.json", workflow.parent / ".merlin" / "schema.json"]
    path = workflow if workflow.is_file() else next((p for p in places if p.exists()), None)
    if path is None:
        raise LabError(f"{workflow} has no `.merlin/schema.json`. Name the folder that `merlon fit` wrote.")
    return parse_schema(path.read_bytes(), str(path))


def parse_schema(text: bytes, path: str) -> Schema:
    """The schema in `.merlin/schema.json` of this path, or in a Parquet file's metadata. Raises LabError as `read_schema` does."""
    try:
        columns = tuple(_column(feature) for feature in json.loads(text)["feature"])
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise LabError(f"{path} is not a Merlin schema: {error!r}. Name the folder that `merlon fit` wrote.") from error
    for column in columns:
        _check(column, path)
    return Schema(columns, path)


def _column(feature: dict[str, Any]) -> Column:
    annotation = feature.get("annotation", {})
    extra = (annotation.get("extraMetadata") or [{}])[0]
    kind = {"INT": "int", "FLOAT": "float", "BYTES": "string"}.get(feature.get("type", "BYTES"), "string")
    bits = "" if kind == "string" else str(int(extra.get("dtype_item_size") or 64))
    domain = feature.get("intDomain", {})
    # 64-bit integers are text in protobuf's JSON form.
    cardinality = int(domain["max"]) + 1 if "max" in domain else None
    tags = set(annotation.get("tag", []))
    for tag in list(tags):
        tags.update(COMPOUND.get(tag, ()))
    if domain.get("isCategorical"):
        tags.add("categorical")
    dims = extra.get("_dims") or []
    is_list = bool(extra.get("is_list") or "valueCount" in feature or len(dims) > 1)
    return Column(feature["name"], kind + bits, frozenset(tags), cardinality, is_list, domain.get("name"), extra.get("vocabulary_sum"))


def _check(column: Column, path: str) -> None:
    """A tag says what a column is; its type must allow that."""
    name = column.name
    if column.has("categorical", "continuous"):
        raise LabError(f"{path}: column `{name}` is tagged both `categorical` and `continuous`. Take one tag away in the workflow.")
    if column.dtype == "string" and column.tags & {"categorical", "continuous"}:
        tag = "categorical" if "categorical" in column.tags else "continuous"
        way = "Encode it with `categorify()` or `hashBucket(n)`" if tag == "categorical" else "Take the tag away"
        raise LabError(f"{path}: column `{name}` is a string, and `{tag}` columns are numbers. {way} in the workflow, and fit it again.")
    if "categorical" in column.tags and column.dtype.startswith("float"):
        raise LabError(
            f"{path}: column `{name}` is {column.dtype}, and ids of a `categorical` column are integers. Tag it `continuous`, or encode it with `categorify()`."
        )
    if "categorical" in column.tags and column.cardinality is None and not column.is_target:
        raise LabError(
            f"{path}: column `{name}` is `categorical` but has no domain, so its embedding has no size. Encode it with `categorify()` or `hashBucket(n)`."
        )


def with_targets(schema: Schema, wanted: Sequence[str]) -> Schema:
    """Adds targets that the workflow does not know (`merlon transform --keep purchase`): `purchase`, or `stars:regression`."""
    if not wanted:
        return schema
    named = {}
    for text in wanted:
        name, _, kind = text.partition(":")
        if kind not in ("", "binary", "regression"):
            raise LabError(f"`{text}`: a target is `binary` or `regression`, as in `--target {name}:regression`.")
        named[name] = kind or "binary"
    # Other targets of the schema are answers too: no model may read them.
    kept = tuple(c for c in schema.columns if c.name not in named and not c.is_target)
    targets = tuple(Column(name, "float32", frozenset({"target", kind}), None) for name, kind in named.items())
    return Schema(kept + targets, schema.path)


def to_json(schema: Schema) -> list[dict[str, Any]]:
    """A plain form for the run folder and the ONNX file."""
    return [
        {"name": c.name, "dtype": c.dtype, "tags": sorted(c.tags), "cardinality": c.cardinality, "is_list": c.is_list, "domain": c.domain, "vocabulary": c.vocabulary}
        for c in schema.columns
    ]


def from_json(document: list[dict[str, Any]], path: str) -> Schema:
    return Schema(tuple(Column(**{**c, "tags": frozenset(c["tags"])}) for c in document), path)

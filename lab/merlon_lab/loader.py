"""Parquet → batches of tensors: row groups in random order, shuffled in blocks, read ahead while the model trains."""

import glob
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from .errors import LabError
from .schema import Column, Schema, listed, parse_schema, read_schema
from .table import Table, concat, rows_of, slice_rows, take

BLOCK_ROWS = 1 << 19
"""Rows that are shuffled together: large enough to mix, small enough for memory."""

SCHEMA_KEY = b"merlin.schema.json"
"""Metadata of a Parquet file in which `merlon transform` leaves the schema of its columns."""


@dataclass
class Dataset:
    """Parquet files with the same columns."""

    files: tuple[Path, ...]
    columns: tuple[Column, ...]
    groups: tuple[tuple[Path, int, int], ...]
    """Row groups: file, number within it, rows."""
    _checked: set[tuple[Path, int]] = field(default_factory=set)

    @property
    def rows(self) -> int:
        return sum(rows for _, _, rows in self.groups)

    def read(self, group: tuple[Path, int, int]) -> Table:
        """One row group as tensors: ids int64, numbers float32."""
        path, number, _ = group
        arrow = pq.ParquetFile(path).read_row_group(number, columns=[c.name for c in self.columns], use_threads=False)
        table: Table = {}
        for column in self.columns:
            table.update(_tensors(column, arrow[column.name].combine_chunks(), path))
        if (path, number) not in self._checked:
            for column in self.columns:
                _check_domain(column, table, path)
            self._checked.add((path, number))
        return table

    def read_all(self) -> Table:
        return concat([self.read(group) for group in self.groups])


def open_dataset(paths: str | Path | Sequence[str | Path], columns: Sequence[Column], purpose: str = "data") -> Dataset:
    """Parquet files, folders or globs. Raises LabError where there is none, no row, or a column is missing."""
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files = [Path(f) for path in given for f in sorted(_expand(str(path)))]
    if not files:
        raise LabError(f"No Parquet file matches {listed(str(p) for p in given)} ({purpose}). Check the path; quote globs.")
    groups = []
    apart: set[Path] = set()
    for file in files:
        try:
            parquet = pq.ParquetFile(file)
        except (OSError, pa.ArrowInvalid) as error:
            raise LabError(f"{file} cannot be read as Parquet: {error}") from error
        missing = [c.name for c in columns if c.name not in parquet.schema_arrow.names]
        if missing:
            raise LabError(
                f"{file} lacks {listed(missing)}; it has {listed(parquet.schema_arrow.names)}. Columns come from the schema: transform the data "
                "with the workflow whose schema this is, and carry targets along with `merlon transform --keep`."
            )
        own = (parquet.metadata.metadata or {}).get(SCHEMA_KEY)
        if own is None:
            apart.add(file.parent)
        else:
            _check_fit(file, parse_schema(own, str(file)), columns, purpose)
        groups += [(file, i, parquet.metadata.row_group(i).num_rows) for i in range(parquet.num_row_groups)]
    for folder in sorted(apart):
        if (folder / ".merlin" / "schema.json").exists():
            _check_fit(folder, read_schema(folder / ".merlin" / "schema.json"), columns, purpose)
    dataset = Dataset(tuple(files), tuple(columns), tuple(g for g in groups if g[2] > 0))
    if dataset.rows == 0:
        raise LabError(f"{listed(str(f) for f in files)} ({purpose}) has no rows. A split must not be empty: choose another boundary.")
    return dataset


def _check_fit(place: Path, schema: Schema, columns: Sequence[Column], purpose: str) -> None:
    """Ids of another fit are other values. The schema of transformed data has the number of ids that its own fit had, and a checksum of their values."""
    theirs = {c.name: c for c in schema}
    for column in columns:
        seen = theirs.get(column.name)
        if seen is None or None in (seen.cardinality, column.cardinality):
            continue
        if seen.cardinality != column.cardinality:
            what = f"{seen.cardinality} ids of `{column.name}`, and the schema of the model has {column.cardinality}"
        elif None not in (seen.vocabulary, column.vocabulary) and seen.vocabulary != column.vocabulary:
            what = f"as many ids of `{column.name}` as the schema of the model, for other values"
        else:
            continue
        raise LabError(
            f"{place} ({purpose}) has {what}. They come from different fits: "
            "transform the data with the fitted workflow that the model has its schema from, or train on data of this fit."
        )


def _expand(path: str) -> list[str]:
    return glob.glob(f"{glob.escape(path)}/**/*.parquet", recursive=True) if Path(path).is_dir() else glob.glob(path, recursive=True)


def _tensors(column: Column, array: pa.Array, path: Path) -> Table:
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks)
    is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type)
    if is_list != column.is_list:
        raise LabError(
            f"{path}: column `{column.name}` is {array.type}, and the schema says {'a list' if column.is_list else 'no list'}. Fit and transform with one workflow."
        )
    if array.null_count:
        way = "Leave rows without it out of the data, as those that were not shown" if column.is_logged else "Fill them in the workflow: `>> fillMissing(0)`"
        raise LabError(f"{path}: column `{column.name}` has {array.null_count} nulls. {way}.")
    if not is_list:
        return {column.name: _tensor(column, array, path)}
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    offsets = np.asarray(array.offsets.to_numpy(), dtype=np.int32)
    return {
        f"{column.name}__values": _tensor(column, array.flatten(), path),
        f"{column.name}__offsets": torch.from_numpy(offsets - offsets[0]),
    }


def _tensor(column: Column, array: pa.Array, path: Path) -> torch.Tensor:
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_boolean(array.type)):
        raise LabError(f"{path}: column `{column.name}` is {array.type}, no number. Encode it in the workflow.")
    values = array.to_numpy(zero_copy_only=False)
    dtype = np.int64 if column.dtype.startswith("int") and not column.is_target else np.float32
    # Arrow's memory is read-only; the copy is what may be shuffled in place.
    return torch.from_numpy(np.array(values, dtype=dtype))


def _check_domain(column: Column, table: Table, path: Path) -> None:
    values = table[f"{column.name}__values" if column.is_list else column.name]
    if len(values) == 0 or column.is_target:
        return
    if column.is_categorical and column.cardinality is not None:
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= column.cardinality:
            seen = low if low < 0 else high
            raise LabError(
                f"{path}: column `{column.name}` has the id {seen}, and its domain ends at {column.cardinality - 1}. The data was transformed by "
                "another workflow than the schema is of: transform it again."
            )
    elif not bool(torch.isfinite(values).all()):
        row = int((~torch.isfinite(values)).nonzero()[0])
        raise LabError(f"{path}: column `{column.name}` is {float(values[row])} in row {row}. Fill it in the workflow: `>> fillMissing(0)`.")


class Loader:
    """Batches of a data set, epoch after epoch. `batch` counts rows over all processes; this one gets its share of each batch."""

    def __init__(self, dataset: Dataset, batch: int, *, shuffle: bool = True, seed: int = 0, rank: int = 0, world: int = 1, block_rows: int = BLOCK_ROWS):
        self.dataset, self.batch, self.shuffle, self.seed = dataset, batch, shuffle, seed
        self.rank, self.world, self.block_rows = rank, world, block_rows
        self.epoch = 0
        self._whole: Table | None = None

    def __len__(self) -> int:
        return sum(-(-rows // self.batch) for rows in self._blocks_rows())

    def _blocks(self, generator: torch.Generator) -> list[list[tuple[Path, int, int]]]:
        groups = list(self.dataset.groups)
        if self.shuffle:
            groups = [groups[i] for i in torch.randperm(len(groups), generator=generator).tolist()]
        blocks: list[list[tuple[Path, int, int]]] = [[]]
        for group in groups:
            if blocks[-1] and sum(g[2] for g in blocks[-1]) + group[2] > self.block_rows:
                blocks.append([])
            blocks[-1].append(group)
        return blocks

    def _blocks_rows(self) -> list[int]:
        blocks = self._blocks(torch.Generator().manual_seed(self.seed + self.epoch))
        return [sum(g[2] for g in block) for block in blocks]

    def _read(self, block: list[tuple[Path, int, int]]) -> Table:
        if self._whole is not None:
            return self._whole
        table = concat([self.dataset.read(group) for group in block])
        if len(block) == len(self.dataset.groups):
            self._whole = table
        return table

    def __iter__(self) -> Iterator[Table]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        blocks = self._blocks(generator)
        self.epoch += 1
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._read, blocks[0])
            for i in range(len(blocks)):
                table = coming.result()
                if i + 1 < len(blocks):
                    coming = ahead.submit(self._read, blocks[i + 1])
                yield from self._batches(table, generator)

    def _batches(self, table: Table, generator: torch.Generator) -> Iterator[Table]:
        rows = rows_of(table)
        if self.shuffle:
            table = take(table, torch.randperm(rows, generator=generator))
        for start in range(0, rows, self.batch):
            stop = min(start + self.batch, rows)
            share = [start + (stop - start) * part // self.world for part in (self.rank, self.rank + 1)]
            # Each process takes part in each step: a last batch of fewer rows than processes is left out.
            if stop - start >= self.world:
                yield slice_rows(table, share[0], share[1])

"""MovieLens-100k out of the installed package `recbole`: ratings, people and films → Parquet tables, split by a seed. The data itself is not ours to ship."""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from .errors import LabError

LIKED = 4.0
"""Number of stars from which a rating is positive."""
HISTORY = 50


def data_folder() -> Path:
    """The folder of `recbole`'s copy. The package is not imported: its own needs are old. Raises LabError."""
    found = importlib.util.find_spec("recbole")
    places = list(found.submodule_search_locations or []) if found else []
    folder = Path(places[0]) / "dataset_example" / "ml-100k" if places else None
    if folder is None or not (folder / "ml-100k.inter").exists():
        raise LabError("MovieLens-100k comes with the package `recbole` 1.2.1, which is not installed here: `pip install --no-deps recbole==1.2.1`.")
    return folder


def read_tables(folder: Path) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Ratings (user_id, item_id, rating, timestamp), people and films, columns typed and named."""

    def read(name: str) -> pa.Table:
        options = csv.ParseOptions(delimiter="\t", quote_char=False)
        table = csv.read_csv(folder / f"ml-100k.{name}", parse_options=options, convert_options=csv.ConvertOptions(strings_can_be_null=False))
        return table.rename_columns([c.partition(":")[0] for c in table.column_names])

    films = read("item").rename_columns(["item_id", "title", "release_year", "genres"])
    years = [int(y) if str(y).isdigit() else 0 for y in films["release_year"].to_pylist()]
    genres = pa.array([g.split(" ") for g in films["genres"].to_pylist()], type=pa.list_(pa.string()))
    films = films.set_column(2, "release_year", pa.array(years, type=pa.int64())).set_column(3, "genres", genres)
    return read("inter"), read("user").drop_columns(["zip_code"]), films


def joined(ratings: pa.Table, people: pa.Table, films: pa.Table) -> pa.Table:
    """A row for each rating with both sides' features; `user_key`, `item_key` carry the raw ids past the workflow."""

    def rows(table: pa.Table, key: str) -> np.ndarray:
        ids = table[key].to_numpy()
        order = np.argsort(ids)
        return np.asarray(order[np.searchsorted(ids[order], ratings[key].to_numpy())])

    person, film = people.take(rows(people, "user_id")), films.take(rows(films, "item_id"))
    stars = ratings["rating"].to_numpy()
    columns = {name: ratings[name] for name in ("user_id", "item_id", "timestamp")}
    columns |= {name: person[name] for name in ("age", "gender", "occupation")}
    columns |= {name: film[name] for name in ("release_year", "genres")}
    columns |= {"liked": pa.array((stars >= LIKED).astype(np.int8)), "stars": pa.array(stars.astype(np.float32))}
    return pa.table({**columns, "user_key": ratings["user_id"], "item_key": ratings["item_id"]})


def split_random(rows: int, seed: int) -> list[np.ndarray]:
    """Row numbers of 80, 10 and 10 percent."""
    order = np.random.default_rng(seed).permutation(rows)
    return [np.sort(part) for part in np.split(order, [rows * 8 // 10, rows * 9 // 10])]


def by_time(ratings: pa.Table) -> dict[int, np.ndarray]:
    """Each user's row numbers, first to last; of one second, in the file's order."""
    users, times = ratings["user_id"].to_numpy(), ratings["timestamp"].to_numpy()
    order = np.lexsort((np.arange(len(users)), times, users))
    starts = np.flatnonzero(np.r_[True, np.diff(users[order]) != 0])
    return {int(users[part[0]]): part for part in np.split(order, starts[1:])}


def sessions(ratings: pa.Table, window: int) -> dict[str, pa.Table]:
    """Each user's films, in order. `valid` and `test` end in the last but one and the last film. `train` has windows of the earlier ones that overlap by half."""
    items = ratings["item_id"].to_numpy()
    made: dict[str, list[tuple[int, np.ndarray]]] = {"train": [], "valid": [], "test": []}
    for user, rows in by_time(ratings).items():
        seen = items[rows]
        made["test"].append((user, seen))
        made["valid"].append((user, seen[:-1]))
        past, half = seen[:-2], max(1, window // 2)
        for stop in range(len(past), 1, -half):
            made["train"].append((user, past[max(0, stop - window - 1) : stop]))
    kind = pa.list_(pa.int64())
    return {name: pa.table({"item_id": pa.array([s for _, s in rows], type=kind), "user_key": pa.array([u for u, _ in rows])}) for name, rows in made.items()}


def write_tables(out: Path, seed: int = 2020, window: int = 20) -> dict[str, int]:
    """`ratings-*` (random split), `sessions-*` (leave the last out), `films` and `people`. Returns rows by table."""
    ratings, people, films = read_tables(data_folder())
    rows = joined(ratings, people, films)
    tables = {f"ratings-{name}": rows.take(part) for name, part in zip(("train", "valid", "test"), split_random(len(rows), seed))}
    tables |= {f"sessions-{name}": table for name, table in sessions(ratings, window).items()}
    # A workflow of pairs takes pairs: each film beside one and the same viewer, each viewer beside one film.
    every_film = pa.table(
        {"user_id": pa.array([1] * len(films)), "item_id": films["item_id"], "rating": pa.array([0.0] * len(films)), "timestamp": pa.array([0] * len(films))}
    )
    tables |= {"films": joined(every_film, people, films), "titles": films, "people": people}
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, out / f"{name}.parquet", compression="zstd")
    return {name: len(table) for name, table in tables.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="merlon_lab.movielens", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--window", type=int, default=20, help="films of a session in the training table")
    given = parser.parse_args()
    print(", ".join(f"{rows:,} {name}" for name, rows in write_tables(given.out, window=given.window).items()))


if __name__ == "__main__":
    main()

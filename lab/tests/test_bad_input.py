"""Mistakes of users: each ends with 1 and one sentence that says what, where and what to do; nothing is half written."""

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from made import feature, make_pairs, write_schema

from merlon_lab.cli import main
from merlon_lab.errors import LabError
from merlon_lab.export.modules import Served
from merlon_lab.export.onnx_file import export_onnx


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("bad") / "pairs", 600)


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert ended.value.code == 1
    return capsys.readouterr().err


def command(pairs: Path, out: Path, *more: str | Path, schema: Path | None = None, architecture: str = "mlp") -> list[str | Path]:
    return [
        "train",
        architecture,
        "--schema",
        schema or pairs,
        "--data",
        pairs / "train.parquet",
        "--valid",
        pairs / "valid.parquet",
        "--out",
        out,
        "--epochs",
        "1",
        *more,
    ]


def test_no_target(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, *command(pairs, tmp_path / "run"))
    assert "has no target" in said and "--target purchase" in said
    assert not (tmp_path / "run").exists()


SCHEMAS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no tags": ([feature("user_id", cardinality=60), feature("item_id", cardinality=90)], "needs one column with the tags `user` and `id`"),
    "categorical float": ([{**feature("price"), "annotation": {"tag": ["categorical"]}}], "`price` is float64, and ids of a `categorical` column are integers"),
    "continuous string": ([feature("brand", tags=("continuous",), kind="BYTES")], "`brand` is a string"),
    "both tags": ([feature("brand", cardinality=9, tags=("continuous",))], "tagged both `categorical` and `continuous`"),
    "no domain": ([{"name": "brand", "type": "INT", "annotation": {"tag": ["categorical"]}}], "has no domain"),
}


@pytest.mark.parametrize("case", SCHEMAS)
def test_schema(case: str, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features, wanted = SCHEMAS[case]
    schema = write_schema(tmp_path / "schema", features)
    assert wanted in run(capsys, *command(pairs, tmp_path / "run", schema=schema, architecture="mf"))


def test_no_schema(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no `.merlin/schema.json`" in run(capsys, *command(pairs, tmp_path / "run", schema=tmp_path / "nowhere"))
    (tmp_path / "schema.json").write_text("{")
    assert "is not a Merlin schema" in run(capsys, *command(pairs, tmp_path / "run", schema=tmp_path / "schema.json"))


def test_another_fit(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids of another fit are other values; the schema beside transformed files says how many there are."""
    main([str(a) for a in command(pairs, tmp_path / "run", "--target", "purchase")])
    document = json.loads((pairs / ".merlin" / "schema.json").read_text())
    document["feature"][2]["intDomain"]["max"] = "99"
    other = write_schema(tmp_path / "other", document["feature"])
    for name in ("train", "valid"):
        shutil.copy(pairs / f"{name}.parquet", other)
    wanted = "has 100 ids of `item_id`, and the schema of the model has 90. They come from different fits"
    assert f"{other} (evaluation data) {wanted}" in run(capsys, "evaluate", tmp_path / "run", "--data", other / "valid.parquet")
    assert f"{other} (training data) {wanted}" in run(capsys, *command(other, tmp_path / "again", "--target", "purchase", schema=pairs))


def test_another_vocabulary(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many ids may be of other values: the schema has a checksum of them, beside the files or in each."""
    document = json.loads((pairs / ".merlin" / "schema.json").read_text())

    def with_sum(folder: Path, letter: str | None, *, inside: bool = False) -> Path:
        extra = document["feature"][2]["annotation"]["extraMetadata"][0]
        extra.pop("vocabulary_sum", None)
        if letter is not None:
            extra["vocabulary_sum"] = f"sha256:{letter * 64}"
        folder.mkdir()
        for name in ("train", "valid"):
            table = pq.read_table(pairs / f"{name}.parquet")
            kept = {"merlin.schema.json": json.dumps(document)} if inside else None
            pq.write_table(table.replace_schema_metadata(kept), folder / f"{name}.parquet")
        return folder if inside else write_schema(folder, document["feature"])

    model = with_sum(tmp_path / "model", "a")
    main([str(a) for a in command(model, tmp_path / "run", "--target", "purchase")])
    wanted = "has as many ids of `item_id` as the schema of the model, for other values. They come from different fits"
    for name, inside in (("beside", False), ("inside", True)):
        other = with_sum(tmp_path / name, "b", inside=inside)
        place = other / "valid.parquet" if inside else other
        assert f"{place} (evaluation data) {wanted}" in run(capsys, "evaluate", tmp_path / "run", "--data", other / "valid.parquet")
    for letter in ("a", None):
        same = with_sum(tmp_path / f"same {letter}", letter, inside=letter == "a")
        main(["evaluate", str(tmp_path / "run"), "--data", str(same / "valid.parquet")])
    other = tmp_path / "odd"
    other.mkdir()
    pq.write_table(pq.read_table(pairs / "valid.parquet").replace_schema_metadata({"merlin.schema.json": "[]"}), other / "valid.parquet")
    assert "valid.parquet is not a Merlin schema" in run(capsys, "evaluate", tmp_path / "run", "--data", other / "valid.parquet")


def test_domain_smaller_than_data(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = write_schema(tmp_path / "schema", [feature("user_id", cardinality=20, tags=("user", "id")), feature("price", tags=("continuous",))])
    # Without its own schema, which would show that it is from another fit.
    data = tmp_path / "data"
    data.mkdir()
    for name in ("train", "valid"):
        shutil.copy(pairs / f"{name}.parquet", data)
    said = run(capsys, *command(data, tmp_path / "run", "--target", "purchase", schema=schema))
    assert "column `user_id` has the id 59, and its domain ends at 19" in said and "train.parquet" in said


def test_data(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = pq.read_table(pairs / "train.parquet")
    empty, short, holes = tmp_path / "empty.parquet", tmp_path / "short.parquet", tmp_path / "holes.parquet"
    pq.write_table(whole.slice(0, 0), empty)
    pq.write_table(whole.drop_columns(["brand"]), short)
    pq.write_table(whole.set_column(4, "price", pa.array([None] + [1.0] * (len(whole) - 1), type=pa.float32())), holes)
    base: list[str | Path] = ["train", "mlp", "--schema", pairs, "--target", "purchase", "--out", tmp_path / "run", "--data"]
    for data, wanted in (
        (empty, "has no rows"),
        (short, "lacks `brand`"),
        (holes, "`price` has 1 nulls"),
        (tmp_path / "none*.parquet", "No Parquet file matches"),
    ):
        assert wanted in run(capsys, *base, data, "--valid", pairs / "valid.parquet")
    said = run(capsys, *base, pairs / "train.parquet", "--valid", empty)
    assert "(held-out data) has no rows" in said


def test_loss_that_is_no_number(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, *command(pairs, tmp_path / "run", "--target", "stars:regression", "--lr", "1e30", "--batch", "64"))
    assert "in epoch 1, batch " in said and "Nothing was saved" in said and "`--lr`" in said
    assert not (tmp_path / "run" / "metrics.json").exists() and not (tmp_path / "run" / "model.pt").exists()


def test_run_folder(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with (out / ".lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is in use by another training (process 4711)" in run(capsys, *command(pairs, out, "--target", "purchase"))
    (out / "metrics.json").write_text("{}")
    assert "holds a finished run" in run(capsys, *command(pairs, out, "--target", "purchase"))
    (tmp_path / "file").write_text("")
    assert "cannot be a run folder: File exists" in run(capsys, *command(pairs, tmp_path / "file", "--target", "purchase"))
    assert "is no finished run" in run(capsys, "evaluate", tmp_path / "other", "--data", pairs / "valid.parquet")


def test_words(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, wanted in (
        (("--set", "dims=3"), "there is no option `dims`"),
        (("--set", "dim=x"), "`x` is no int"),
        (("--loss", "bpr"), "`bpr` is no loss of a ranking model"),
        (("--set", "dim=0"), "`dim` counts something"),
        (("--set", "hidden=8,-1"), "`hidden` counts something"),
        (("--set", "dropout=1"), "`dropout` is a part"),
        (("--target", "click"), "`deepfm` learns one target"),
    ):
        assert wanted in run(capsys, *command(pairs, tmp_path / "run", "--target", "purchase", *more, architecture="deepfm")), more
    assert "`bert` is no architecture" in run(capsys, *command(pairs, tmp_path / "run", architecture="bert"))


@pytest.mark.parametrize(
    "words", ["--epochs 0", "--batch 0", "--lr nan", "--lr 0", "--weight-decay -1", "--patience -1", "--threads 0", "--id-dropout 1", "--temperature 0"]
)
def test_numbers(words: str, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    option, value = words.split()
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in command(pairs, tmp_path / "run", f"{option}={value}")])
    assert ended.value.code == 2 and not (tmp_path / "run").exists()
    assert f"argument {option}: {value} is " in capsys.readouterr().err


class WithoutForm(torch.nn.Module):
    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.linalg.eigvals(inputs["x"].unsqueeze(1) @ inputs["x"].unsqueeze(0)).real


def test_operator_that_onnx_lacks(tmp_path: Path) -> None:
    from merlon_lab.schema import Column

    served = Served("model", WithoutForm(), (Column("x", "float32", frozenset({"continuous"}), None),), ("y",))
    with pytest.raises(LabError, match="cannot be exported.*linalg_eig.* has no ONNX form"):
        export_onnx(served, {"x": torch.rand(4)}, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_evaluation_file_is_whole(tmp_path: Path) -> None:
    from merlon_lab.run_folder import write_json

    write_json(tmp_path / "a.json", {"x": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]

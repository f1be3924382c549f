"""Reads the schema files that Merlon prints with the readers of Transformers4Rec and Merlin Models; writes tests/fixtures/nvtabular/readers.json.

    python tests/oracles/nvtabular/read_schemas.py
"""
import json
import pathlib
import warnings

warnings.filterwarnings("ignore")
from merlin.models.utils.schema_utils import categorical_cardinalities, get_embedding_sizes_from_schema  # noqa: E402
from merlin.models.utils.schema_utils import tensorflow_metadata_json_to_schema  # noqa: E402
from merlin_standard_lib import Schema  # noqa: E402

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "nvtabular"


def transformers4rec():
    schema = Schema().from_proto_text(str(FIXTURES / "ours.schema.pbtxt"))
    return [
        {
            "name": column.name,
            "tags": sorted(column.tags),
            "categories": column.int_domain.max if column.int_domain else None,
            "longest": column.value_count.max if column.value_count else None,
        }
        for column in schema
    ]


def models():
    schema = tensorflow_metadata_json_to_schema(str(FIXTURES / "ours.schema.json"))
    item = schema.select_by_name("item_id")
    return {
        "columns": schema.column_names,
        "lists": [column.name for column in schema if column.is_list],
        "ragged": [column.name for column in schema if column.is_ragged],
        "cardinalities": categorical_cardinalities(item),
        "embedding_sizes": get_embedding_sizes_from_schema(item),
    }


if __name__ == "__main__":
    seen = {"transformers4rec": transformers4rec(), "models": models()}
    (FIXTURES / "readers.json").write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(seen))

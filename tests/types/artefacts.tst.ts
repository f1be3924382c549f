import {
  $chain,
  $pick,
  $place,
  $plus,
  listSlice,
  lookupCandidates,
  type Node,
  predictOnnx,
  queryFaiss,
  queryFeast,
  source,
  transformWorkflow,
  unrollFeatures,
} from "merlon";
import { describe, expect, test } from "tstyche";

declare const columnsOf: <C extends string, A extends string>(node: Node<C, A>) => C;

// As `merlon typegen` writes it.
declare module "merlon" {
  interface Artefacts {
    "etl/user": {
      kind: "workflow";
      inputs: "float32 age" | "string city";
      outputs: "int64 city" | "float32 age";
      subgraphs: { who: { inputs: "string city"; outputs: "int64 city" } };
    };
    "shop/features": {
      kind: "feast";
      views: {
        user_features: { key: "int64 user_id"; features: "float32 age" | "string city" | "list<int64> purchased_ids" };
        item_features: { key: "int64 item_id"; features: "float32 price" };
      };
    };
    "index/items.faiss": { kind: "faiss"; vector: "float32[4]" };
    "index/skus.faiss": { kind: "faiss"; vector: "float32[4]"; ids: "string" };
    "models/dlrm.onnx": {
      kind: "onnx";
      inputs:
        | "int64 city"
        | "float32 age"
        | "int64 seen__values"
        | "int32 seen__offsets"
        | "float32[4] vector"
        | "? image";
      outputs: "float32 click/binary_output" | "float32[4] embedding";
    };
    "tables/items.parquet": {
      kind: "attributes";
      columns: "int64 item_id" | "int32 stock" | "string country" | "bool adult";
    };
    "tables/popular.candidates": { kind: "candidates"; keys: "string"; ids: "int64" };
    "tables/together.candidates": { kind: "candidates"; keys: "int32"; ids: "string" };
    "data/train": { kind: "schema"; columns: "int64 user_id" | "float32 price" };
  }
}

const request = source({ user_id: "int64", city: "string" });
const user = $chain(request, queryFeast("shop/features", { view: "user_features", includeId: true }));

describe("columns are derived from artefacts", () => {
  test("a Feast view", () => {
    expect(columnsOf(user)).type.toBe<"int64 user_id" | "float32 age" | "string city" | "list<int64> purchased_ids">();
    expect(
      columnsOf(
        $chain(request, queryFeast("shop/features", { view: "user_features", features: ["age"], prefix: "user" })),
      ),
    ).type.toBe<"float32 user_age">();
    expect(
      columnsOf(
        $chain(request, queryFeast("shop/features", { view: "user_features", features: ["age"], prefix: "age" })),
      ),
    ).type.toBe<"float32 age">();
    expect(
      columnsOf(
        $chain(request, queryFeast("shop/features", { view: "user_features", features: ["age"], prefix: "ag" })),
      ),
    ).type.toBe<"float32 age">();
    expect(
      columnsOf($chain(request, queryFeast("shop/features", { view: "item_features", entityColumn: "user_id" }))),
    ).type.toBe<"float32 price">();
  });

  test("a fitted workflow, whole and in part", () => {
    expect(columnsOf($chain(user, transformWorkflow("etl/user")))).type.toBe<"int64 city" | "float32 age">();
    expect(columnsOf($chain(request, transformWorkflow("etl/user", { subgraph: "who" })))).type.toBe<"int64 city">();
    expect(columnsOf($chain(user, transformWorkflow("etl/user", { removeInputs: ["label"] })))).type.toBe<string>();
  });

  test("an ONNX graph: casts, vectors, ragged pairs, tensors under other names", () => {
    const columns = source({
      town: "int32",
      age: "float64",
      seen: "list<int64>",
      vector: "float32[4]",
      image: "string",
    });
    expect(
      columnsOf(
        $chain(columns, predictOnnx("models/dlrm.onnx", { inputs: { city: "town" }, outputs: { embedding: "query" } })),
      ),
    ).type.toBe<"float32 click/binary_output" | "float32[4] query">();
  });

  test("a list cut to one length: the width is the compiler's to know", () => {
    const columns = source({
      town: "int32",
      age: "float64",
      seen: "list<int64>",
      vector: "list<float32>",
      image: "bool",
    });
    const vector = $chain($pick(columns, "vector"), listSlice(4, { pad: true }));
    expect(columnsOf($chain(vector, queryFaiss("index/items.faiss")))).type.toBe<"int64 candidate_ids">();
    expect(
      columnsOf(
        $chain(
          $plus($pick(columns, ["town", "age", "seen", "image"]), vector),
          predictOnnx("models/dlrm.onnx", { inputs: { city: "town" } }),
        ),
      ),
    ).type.toBe<"float32 click/binary_output" | "float32[4] embedding">();
  });

  test("a FAISS index, a schema file", () => {
    expect(
      columnsOf($chain(source({ v: "float32[4]" }), queryFaiss("index/items.faiss"))),
    ).type.toBe<"int64 candidate_ids">();
    const found = $chain(source({ v: "float32[4]" }), queryFaiss("index/skus.faiss", { includeDistances: true }));
    expect(columnsOf(found)).type.toBe<"string candidate_ids" | "float32 candidate_distances">();
    expect(columnsOf(source.fromSchema("data/train"))).type.toBe<"int64 user_id" | "float32 price">();
  });

  test("a table of candidates, by one key or by a list of keys", () => {
    expect(
      columnsOf($chain(request, lookupCandidates("tables/popular.candidates", { key: "city" }))),
    ).type.toBe<"int64 candidate_ids">();
    const recent = source({ recent: "list<int64>" });
    expect(
      columnsOf($chain(recent, lookupCandidates("tables/together.candidates", { scores: true, name: "like" }))),
    ).type.toBe<"string like" | "float32 candidate_scores">();
    const everyone = $chain(recent, lookupCandidates("tables/popular.candidates", { everyone: true }));
    expect(columnsOf(everyone)).type.toBe<"int64 candidate_ids">();
  });

  test("a path without an entry is open", () => {
    expect(columnsOf($chain(request, lookupCandidates("tables/other.candidates")))).type.toBe<string>();
    expect(columnsOf($chain(request, transformWorkflow("etl/other")))).type.toBe<string>();
    expect(columnsOf($chain(request, predictOnnx("models/other.onnx")))).type.toBe<string>();
    expect(columnsOf($chain(request, queryFeast("other", { view: "any", features: ["any"] })))).type.toBe<string>();
    expect(columnsOf(source.fromSchema("data/other"))).type.toBe<string>();
  });

  test("open columns satisfy anything", () => {
    const open = $chain(request, transformWorkflow("etl/other"));
    expect(columnsOf($chain(open, transformWorkflow("etl/user")))).type.toBe<"int64 city" | "float32 age">();
    expect(columnsOf($chain(open, queryFaiss("index/items.faiss")))).type.toBe<"int64 candidate_ids">();
  });
});

describe("what an artefact needs and does not get has a sentence", () => {
  test("a column that is missing", () => {
    $chain(
      request,
      // @ts-expect-error etl/user needs column \"float32 age\", which nothing upstream provides
      transformWorkflow("etl/user"),
    );
  });

  test("a column of another dtype", () => {
    $chain(
      source({ age: "float64", city: "string" }),
      // @ts-expect-error etl/user needs column \"float32 age\", but upstream provides \"float64 age\"
      transformWorkflow("etl/user"),
    );
  });

  test("a tensor without a column, and one that cannot be cast", () => {
    const columns = source({ city: "int64", age: "float32", seen: "list<int64>", vector: "float32[4]" });
    $chain(
      columns,
      // @ts-expect-error models/dlrm.onnx needs column \"? image\", which nothing upstream provides
      predictOnnx("models/dlrm.onnx"),
    );
    $chain(
      source({ city: "string", age: "float32", seen: "list<int64>", vector: "float32[4]", image: "float32" }),
      // @ts-expect-error models/dlrm.onnx needs column \"int64 city\", but upstream provides \"string city\"
      predictOnnx("models/dlrm.onnx"),
    );
    $chain(
      source({ city: "int64", age: "float32", seen: "list<int64>", vector: "float32[8]", image: "float32" }),
      // @ts-expect-error models/dlrm.onnx needs column \"float32[4] vector\", but upstream provides \"float32[8] vector\"
      predictOnnx("models/dlrm.onnx"),
    );
  });

  test("an entity key that is missing, or has another dtype", () => {
    $chain(
      source({ user: "int64", city: "string" }),
      // @ts-expect-error queryFeast needs column \"int64 user_id\", which nothing upstream provides
      queryFeast("shop/features", { view: "user_features" }),
    );
    $chain(
      source({ user_id: "string" }),
      // @ts-expect-error queryFeast needs column \"int64 user_id\", but upstream provides \"string user_id\"
      queryFeast("shop/features", { view: "user_features" }),
    );
  });

  test("a key that is missing, is one of several columns, or has another dtype than the keys of a table", () => {
    $chain(
      request,
      // @ts-expect-error lookupCandidates needs column \"string town\", which nothing upstream provides
      lookupCandidates("tables/popular.candidates", { key: "town" }),
    );
    $chain(
      request,
      // @ts-expect-error lookupCandidates takes one column, and gets several
      lookupCandidates("tables/popular.candidates"),
    );
    $chain(
      request,
      // @ts-expect-error the keys of tables/popular.candidates are string, but upstream provides \"int64 user_id\"
      lookupCandidates("tables/popular.candidates", { key: "user_id" }),
    );
  });

  test("a view or a feature that is not there", () => {
    // @ts-expect-error Did you mean '"user_features"'?
    queryFeast("shop/features", { view: "user_feature" });
    // @ts-expect-error Type '"aeg"' is not assignable to type
    queryFeast("shop/features", { view: "user_features", features: ["aeg"] });
  });

  test("a vector that is not of the index's width", () => {
    $chain(
      source({ v: "float32[8]" }),
      // @ts-expect-error index/items.faiss holds float32[4] vectors, but \"float32[8] v\" is not one
      queryFaiss("index/items.faiss"),
    );
    $chain(
      source({ v: "float32[4]", w: "float32[4]" }),
      // @ts-expect-error queryFaiss takes one column, and gets several
      queryFaiss("index/items.faiss"),
    );
  });

  test("a candidate column that is not there, and names that both sides have", () => {
    const items = source({ item_id: "int64", price: "float32" });
    $chain(
      items,
      // @ts-expect-error unrollFeatures needs column \"item\", which nothing upstream provides
      unrollFeatures("item", $pick(user, "age")),
    );
    $chain(
      items,
      // @ts-expect-error unrollFeatures would make column \"price\" twice: give it a prefix
      unrollFeatures("item_id", source({ price: "float32" })),
    );
  });
});

describe("a condition of a filtered search", () => {
  const both = $plus($chain(source({ v: "float32[4]" }), listSlice(0, 4)), source({ country: "string" }));
  test("an item has the columns of the table", () => {
    const found = queryFaiss("index/items.faiss", {
      attributes: "tables/items.parquet",
      where: (item, user) => {
        expect(item).type.toBe<{
          readonly item_id: number;
          readonly stock: number;
          readonly country: string;
          readonly adult: boolean;
        }>();
        return item.stock > 0 && item.country === user.country;
      },
    });
    expect(columnsOf($chain(source({ v: "float32[4]", country: "string" }), found))).type.toBe<"int64 candidate_ids">();
    expect(columnsOf($chain(both, found))).type.toBe<"int64 candidate_ids">();
  });
  test("a function that the compiler has marked", () => {
    queryFaiss("index/items.faiss", {
      attributes: "tables/items.parquet",
      where: item => item.stock > 0,
      $where: $place(0),
    });
  });
  test("another column, and another type, are faults at their place", () => {
    queryFaiss("index/items.faiss", {
      attributes: "tables/items.parquet",
      // @ts-expect-error stok
      where: item => item.stok > 0,
    });
    queryFaiss("index/items.faiss", {
      attributes: "tables/items.parquet",
      // @ts-expect-error string
      where: item => item.country > 0,
    });
  });
  test("the left side needs the vector", () => {
    const found = queryFaiss("index/items.faiss", { attributes: "tables/items.parquet", where: item => item.adult });
    $chain(
      source({ country: "string" }),
      // @ts-expect-error index/items.faiss holds float32[4] vectors, and no column upstream is one
      found,
    );
  });
  test("without an entry, an item has any column", () => {
    queryFaiss("index/items.faiss", { attributes: "tables/other.parquet", where: item => item.anything > 0 });
  });
});

/** Natural mistakes of a newcomer: what was meant, and what was written. */
import type { ProgramName } from "./programs.js";

export interface Mistake {
  readonly what: string;
  readonly program: ProgramName;
  /** Texts of the program, and their replacements. */
  readonly changes: readonly (readonly [right: string, wrong: string])[];
  /** The message's first fix makes the right program of the wrong one. */
  readonly isFixed: boolean;
}

type Row = readonly [what: string, right: string, wrong: string, fixed?: "fixed"];

const of = (program: ProgramName, rows: readonly Row[]): Mistake[] =>
  rows.map(([what, right, wrong, fixed]) => ({
    what,
    program,
    changes: [[right, wrong]],
    isFixed: fixed === "fixed",
  }));

const EXPORT = 'export default workflow("ranking", ids + brand + price)';

const WORKFLOW = of("ranking.workflow.ts", [
  ["a misspelt column", '["price"] >>', '["prise"] >>', "fixed"],
  ["an operator in small letters", ">> hashBucket(", ">> hashbucket(", "fixed"],
  ["two letters swapped", '["brand"] >>', '["barnd"] >>', "fixed"],
  ["a column as a property", '["brand"] >>', "events.brand >>"],
  ["map in place of >>", '["price"] >> fillMissing(0)', 'events["price"].map(x => x)'],
  ["| in place of >>", ">> logOp() >>", "| logOp() >>"],
  ["& in place of +", "ids + brand", "ids & brand"],
  ["columns as further arguments", "ids + brand + price", "ids, brand, price"],
  ["columns as a list", "ids + brand + price", "[ids, brand, price]"],
  ["an operator that is not called", ">> logOp() >>", ">> logOp >>"],
  ["an operator applied as a method", ">> logOp() >>", ">> logOp().clip({ min: 0 }) >>"],
  [
    "an operator applied as a function",
    'events[["user_id", "item_id"]] >> categorify({ freqThreshold: 2 })',
    'categorify(events[["user_id", "item_id"]])',
  ],
  ["operators in a list", ">> logOp() >>", ">> [logOp()] >>"],
  ["options by position", "clip({ min: 0 })", "clip(0)"],
  ["an option of another library", "freqThreshold: 2", "freq_threshold: 2", "fixed"],
  ["an option that does not exist", "min: 0", "lowest: 0"],
  ["a number as a text", "hashBucket(1000)", 'hashBucket("1000")', "fixed"],
  ["a missing option", "hashBucket(1000)", "hashBucket()"],
  ["bounds the wrong way round", "clip({ min: 0 })", "clip({ min: 10, max: 0 })"],
  ["arithmetic of a text", ">> hashBucket(1000)", ">> logOp()"],
  ["a column times a number", '["price"] >> fill', 'events["price"] * 2 >> fill'],
  ["a column compared", '["price"] >> fill', '(events["price"] > 3) >> fill'],
  ["a dtype of Python", 'price: "float32"', 'price: "float"', "fixed"],
  ["a type of TypeScript", 'price: "float32"', 'price: "number"', "fixed"],
  ["a dtype without quotes", 'price: "float32"', "price: float32", "fixed"],
  [
    "columns without dtypes",
    '{ user_id: "int64", item_id: "int64", brand: "string", price: "float32" }',
    '["user_id", "item_id", "brand", "price"]',
  ],
  ["no default export", EXPORT, EXPORT.replace("default", "const features =").replace(" =", " =")],
  ["no export", EXPORT, EXPORT.replace("export default ", "")],
  ["a node exported", EXPORT, "export default ids + brand + price"],
  ["an async function exported", EXPORT, EXPORT.replace("default ", "default async () => ")],
  ["no name", 'workflow("ranking", ', "workflow("],
  ["a name with a space", '"ranking"', '"my ranking"'],
  ["a name from the environment", '"ranking"', "process.env.NAME"],
  ["a type-only import", "import {", "import type {", "fixed"],
  ["a forgotten import", "hashBucket, lambdaOp", "lambdaOp"],
  ["a misspelt import", "import { categorify,", "import { categorfy, categorify,"],
  ["another package", 'from "merlon"', 'from "merlin"', "fixed"],
  ["a variable declared twice", "const brand = ", 'const ids = ["brand"] >> hashBucket(10);\nconst brand = '],
  ["a misspelt variable", "ids + brand", "ids + brandd", "fixed"],
  [
    "a variable used before its line",
    'const ids = events[["user_id", "item_id"]]',
    'const ids = (price + ["user_id"])',
  ],
  ["the same column twice", "brand + price", 'brand + price + events["price"]'],
  [
    "assignment in place of a new name",
    "const price = ",
    'let raw = events["price"];\nraw >>= logOp();\nconst price = ',
  ],
  ["a bracket that is missing", "logOp() >>", "logOp( >>"],
  ["the clock in a function", "x => x / 2", "x => Date.now() - x"],
  ["chance in a function", "x => x / 2", "x => x * Math.random()"],
  ["formatting in a function", "x => x / 2", "x => x.toFixed(2)"],
  ["an async function of a column", "x => x / 2", "async x => x / 2"],
]);

const ENSEMBLE = of("recommend.ensemble.ts", [
  ["a column as a property, as an argument", 'user["purchased_ids"]', "user.purchased_ids", "fixed"],
  [
    "names of columns in place of a node, as what to drop",
    'filterCandidates(user["purchased_ids"])',
    'filterCandidates(["purchased_ids"])',
  ],
  [
    "no id beside the features of candidates",
    'entityColumn: "filtered_ids", includeId: true',
    'entityColumn: "filtered_ids"',
  ],
  ["a column without quotes", 'user[["age"]]', "user[[age]]", "fixed"],
  ["a path without quotes", 'queryFaiss("index/items.faiss"', "queryFaiss(vectors"],
  [
    "options in the place of a folder",
    'queryFeast("features", { view: "user_features", includeId: true })',
    'queryFeast({ view: "user_features" })',
  ],
  ["an id of another width", 'user_id: "int64"', 'user_id: "int32"'],
  ["an id as a text", 'user_id: "int64"', 'user_id: "string"'],
  ["a forgotten includeId", 'entityColumn: "filtered_ids", includeId: true', 'entityColumn: "filtered_ids"'],
  [
    "candidates and request rows side by side",
    'items >> unrollFeatures("item_id", user[["age"]])',
    'items + user[["age"]]',
  ],
  ["the name of an earlier stage's column", '"filtered_ids"', '"candidate_ids"'],
  ["a list for one name", 'entityColumn: "filtered_ids"', 'entityColumn: ["filtered_ids"]'],
  ["a prefix that nothing has", 'user[["age"]]', 'user[["user_features__age"]]', "fixed"],
  ["names in place of a node", 'user[["age"]])', '["age"])'],
  ["a text in place of a node", 'filterCandidates(user["purchased_ids"])', 'filterCandidates("purchased_ids")'],
  ["a forgotten workflow", 'transformWorkflow("etl/user") >> ', ""],
  ["a workflow that was not fitted", '"etl/user"', '"etl/ranking"'],
  ["the workflow's program for its fit", '"etl/user"', '"user.workflow.ts"'],
  ["a file for its folder", '"etl/user"', '"etl/user/workflow.json"', "fixed"],
  ["a folder for its file", '"models/ranker.onnx"', '"models"'],
  ["a path from another folder", '"models/ranker.onnx"', '"ensembles/models/ranker.onnx"', "fixed"],
  ["a path without its extension", '"models/ranker.onnx"', '"models/ranker"', "fixed"],
  ["a path outside of the project", '"models/ranker.onnx"', '"/data/models/ranker.onnx"'],
  ["the model of another stage", '"models/ranker.onnx"', '"models/query_tower.onnx"'],
  ["TorchScript for ONNX", '"models/ranker.onnx"', '"models/scripted.pt"'],
  ["an index of other vectors", '"index/items.faiss"', '"index/wide.faiss"'],
  ["an index of another metric", '"models/query_tower.onnx"', '"models/l2_tower.onnx"'],
  ["an index without vectors", '"index/items.faiss"', '"index/empty.faiss"'],
  ["an index of other items", '"index/items.faiss"', '"index/other-items.faiss"'],
  ["all columns for the query vector", "query >> queryFaiss", "user >> queryFaiss"],
  ["a bare number for an option", "{ topk: 20 }", "20"],
  ["a retrieval too short for the end", "topk: 20", "topk: 2"],
  ["a topk of none", "topk: 20", "topk: 0"],
  ["a misspelt view", '"user_features"', '"user_feature"', "fixed"],
  [
    "a misspelt feature",
    'view: "user_features", ',
    'view: "user_features", features: ["agee", "city", "purchased_ids"], ',
  ],
  ["a misspelt output of a model", '"purchase/binary_output"', '"binary_output"', "fixed"],
  ["all columns for the ids", 'pairs["item_id"] >> soft', "pairs >> soft"],
  ["request rows for candidates", 'pairs["item_id"] >> soft', 'request["user_id"] >> soft'],
  [
    "one record for node and options",
    'softmaxSampling(ranking["purchase/binary_output"], { topk: 5 })',
    'softmaxSampling({ relevance: ranking["purchase/binary_output"], topk: 5 })',
  ],
  ["no node left of the first operator", 'request["user_id"] >> queryFeast("features"', 'queryFeast("features"'],
  ["two ensembles in a file", "export default", 'export const other = ensemble("other", user);\nexport default'],
  ["two default exports", "export default", 'export default ensemble("other", user);\nexport default'],
  ["an unknown option of the ensemble", '"recommend", ordering', '"recommend", ordering, { batchSize: 8 }'],
  ["an ensemble without its node", '"recommend", ordering', '"recommend"'],
]);

const several = (what: string, changes: Mistake["changes"]): Mistake => ({
  what,
  program: "recommend.ensemble.ts",
  changes,
  isFixed: false,
});

export const MISTAKES: readonly Mistake[] = [
  ...WORKFLOW,
  ...ENSEMBLE,
  several("a class of Merlin", [['predictOnnx("models/query', 'PredictTensorflow("models/query']]),
  several("what learns, in an ensemble", [
    ["import { ", "import { categorify, "],
    ["const query = user >> ", "const query = user >> categorify() >> "],
  ]),
  several("a filter of rows, in an ensemble", [
    ["import { ", "import { filter, "],
    ["const query = user >> ", "const query = user >> filter(u => u.age > 18) >> "],
  ]),
  several("a workflow in an ensemble's file", [
    ["import { ", "import { workflow, "],
    ['default ensemble("', 'default workflow("'],
  ]),
];

// The two shapes of data that etl.bench.mjs measures on: how to make them, and the workflow in Merlon's and in NVTabular's words.

/** REES46: events of a shop. Nine operators, as oracles have them. */
const rees46 = {
  types: {
    user_id: "int64",
    item_id: "int64",
    category: "string",
    brand: "string",
    event: "string",
    price: "float64",
    hour: "int64",
    age: "int64",
    bought: "float32",
  },
  sql: rows => `SELECT (hash(i * 5) % 200000)::BIGINT AS user_id, (floor(pow((hash(i) % 1000003) / 1000003.0, 3) * 50000))::BIGINT AS item_id,
    'category_' || (hash(i * 3) % 900) AS category, CASE WHEN hash(i * 17) % 10 = 0 THEN NULL ELSE 'brand_' || (hash(i * 19) % 3000) END AS brand,
    ['view', 'cart', 'purchase'][1 + (hash(i * 23) % 3)::INTEGER] AS event, CASE WHEN i % 20 = 0 THEN NULL ELSE (hash(i * 7) % 100000) / 100.0 END AS price,
    (hash(i * 11) % 24)::BIGINT AS hour, (18 + hash(i * 13) % 70)::BIGINT AS age, (hash(i * 29) % 4 = 0)::FLOAT AS bought FROM range(${rows}) r(i)`,
  program: `import { categorify, clip, fillMissing, hashBucket, joinGroupby, logOp, normalize, normalizeMinMax, source, targetEncoding, workflow } from "merlon";
const events = source({ user_id: "int64", item_id: "int64", category: "string", brand: "string", event: "string", price: "float64", hour: "int64", age: "int64", bought: "float32" });
const ids = events[["user_id", "item_id", "category", "brand"]] >> categorify();
const price = ["price"] >> fillMissing(0) >> clip({ min: 0, max: 900 }) >> logOp() >> normalize();
const age = ["age"] >> normalizeMinMax();
const hour = ["hour"] >> hashBucket(10);
const demand = events[["item_id"]] >> targetEncoding(events["bought"], { pSmooth: 20 });
const spent = events[["category"]] >> joinGroupby(["count", "mean"], events["price"]);
export default workflow("bench", ids + price + age + hour + demand + spent);
`,
  nvtabular: `(["user_id", "item_id", "category", "brand"] >> ops.Categorify(out_path=out + "/c")) + (["price"] >> ops.FillMissing(0) >> ops.Clip(0, 900) >> ops.LogOp() >> ops.Normalize()) + (["age"] >> ops.NormalizeMinMax()) + (["hour"] >> ops.HashBucket(10)) + (["item_id"] >> ops.TargetEncoding("bought", kfold=1, p_smooth=20, out_path=out + "/t")) + (["category"] >> ops.JoinGroupby(cont_cols=["price"], stats=["count", "mean"], out_path=out + "/j"))`,
};

const SIZES = [
  1400, 550, 200000, 100000, 300, 20, 11000, 600, 3, 50000, 5000, 180000, 3000, 26, 11000, 160000, 10, 4800, 2000, 4,
  170000, 17, 15, 60000, 80, 40000,
];
const CATS = SIZES.map((_, i) => `C${i + 1}`);
const CONTS = Array.from({ length: 13 }, (_, i) => `I${i + 1}`);
const quoted = names => names.map(name => JSON.stringify(name)).join(", ");

/** Criteo: 13 counts with nulls, 26 hexadecimal categories of long tails. */
const criteo = {
  types: {},
  sql: rows => {
    const conts = CONTS.map(
      (name, i) =>
        `CASE WHEN hash(i * ${i + 201}) % 10 = 0 THEN NULL ELSE (exp((hash(i * ${i + 301}) % 1000) / 150.0) - 1)::INTEGER END AS ${name}`,
    );
    const cats = CATS.map(
      (name, i) =>
        `CASE WHEN hash(i * ${i + 101}) % 20 = 0 THEN NULL ELSE printf('%08x', (hash(floor(pow((hash(i * ${i + 1}) % 1000003) / 1000003.0, 3) * ${SIZES[i]})) % 4294967296)::BIGINT) END AS ${name}`,
    );
    return `SELECT ${[...conts, ...cats].join(", ")} FROM range(${rows}) r(i)`;
  },
  program: `import { categorify, clip, fillMissing, logOp, normalize, source, workflow } from "merlon";
const events = source({ ${CONTS.map(name => `${name}: "int32"`).join(", ")}, ${CATS.map(name => `${name}: "string"`).join(", ")} });
const ids = events[[${quoted(CATS)}]] >> categorify();
const counts = events[[${quoted(CONTS)}]] >> fillMissing(0) >> clip({ min: 0 }) >> logOp() >> normalize();
export default workflow("bench", ids + counts);
`,
  nvtabular: `([${quoted(CATS)}] >> ops.Categorify(out_path=out + "/c")) + ([${quoted(CONTS)}] >> ops.FillMissing(0) >> ops.Clip(0) >> ops.LogOp() >> ops.Normalize())`,
};

export const SHAPES = { rees46, criteo };

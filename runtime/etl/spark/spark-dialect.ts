/** Our statements as Spark reads them. Unsigned integers are the next wider signed ones, as Spark reads them from Parquet. */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { unsupported } from "../../base/errors.js";
import { type AggregatesInOrder, type Dialect, type SortKey, sqlIn } from "../sql/dialect.js";

const TYPES: Partial<Readonly<Record<DType, string>>> = {
  bool: "BOOLEAN",
  int8: "TINYINT",
  int16: "SMALLINT",
  int32: "INT",
  int64: "BIGINT",
  uint8: "SMALLINT",
  uint16: "INT",
  uint32: "BIGINT",
  float32: "FLOAT",
  float64: "DOUBLE",
  string: "STRING",
};

function type(dtype: DType): string {
  const found = TYPES[dtype];
  if (found === undefined) throw unsupported(`Spark has no ${dtype} columns. Declare the column int64, or use DuckDB.`);
  return found;
}

const listType = (dtype: DType): string => `ARRAY<${type(dtype)}>`;

const struct: Dialect["struct"] = fields =>
  `struct(${Object.entries(fields).map(([name, sql]) => `${sql} AS ${name}`)})`;

/** Values with their sort keys, collected in any order, then sorted. */
function collected(value: string, order: readonly SortKey[]): string {
  const keys = order.map(({ sql }, i) => [`k${i}`, sql] as const);
  const before = order.map(({ descending }, i) => {
    const [a, b] = [`a.k${i}`, `b.k${i}`];
    const sign = descending ? -1 : 1;
    return `WHEN ${a} <=> ${b} THEN 0 WHEN ${a} IS NULL THEN 1 WHEN ${b} IS NULL THEN -1 WHEN ${a} < ${b} THEN ${-sign} ELSE ${sign} END`;
  });
  // Keys that are equal leave it to the next.
  const compare = before.reduceRight((next, one) => `CASE ${one.replace("THEN 0", `THEN ${next}`)}`, "0");
  const all = `collect_list(${struct({ ...Object.fromEntries(keys), v: value })})`;
  return `transform(array_sort(${all}, (a, b) -> ${compare}), e -> e.v)`;
}

/** In one pass over the values that are not null. */
const fold = (value: string, order: readonly SortKey[], start: string, step: string, end: string): string =>
  `aggregate(filter(${collected(value, order)}, v -> v IS NOT NULL), ${start}, (s, v) -> ${step}, s -> ${end})`;

const ZERO = "CAST(0 AS DOUBLE)";
const inOrder: AggregatesInOrder = {
  list: collected,
  sum: (value, order) => fold(value, order, ZERO, "s + v", "s"),
  mean: (value, order) => `try_divide(${inOrder.sum(value, order)}, count(${value}))`,
  variance: (value, order) => {
    const mean = "(s.mean + (v - s.mean) / (s.n + 1))";
    const step = struct({ n: "s.n + 1", mean, squares: `s.squares + (v - s.mean) * (v - ${mean})` });
    const end = "CASE WHEN s.n > 1 THEN s.squares / (s.n - 1) END";
    return fold(value, order, struct({ n: ZERO, mean: ZERO, squares: ZERO }), step, end);
  },
};

const dialect: Dialect = {
  engine: "spark",
  identifier: name => `\`${name.replaceAll("`", "``")}\``,
  view: name => `CREATE OR REPLACE TEMPORARY VIEW ${name} AS`,
  type,
  listType,
  map: (list, item) => `transform(${list}, v -> ${item("v")})`,
  mapPairs: (a, b, item) => `zip_with(${a}, ${b}, (v, w) -> ${item("v", "w")})`,
  emptyList: dtype => `CAST(array() AS ${listType(dtype)})`,
  struct,
  length: list => `size(${list})`,
  element: (list, place) => `element_at(${list}, ${place})`,
  part: (list, from, to) =>
    `CASE WHEN ${to} > ${from} THEN slice(${list}, ${from} + 1, ${to} - ${from}) ELSE slice(${list}, 1, 0) END`,
  resize: (list, dtype, length, fill) =>
    `slice(concat(${list}, array_repeat(CAST(${fill} AS ${type(dtype)}), ${length})), 1, ${length})`,
  ofLength: (list, _dtype, length) =>
    `CASE WHEN size(${list}) = ${length} THEN ${list} ELSE raise_error(concat('a list has ', size(${list}), ' values, expected ${length}')) END`,
  items: list => `explode(${list})`,
  isInfinite: value => `abs(${value}) = CAST('inf' AS DOUBLE)`,
  isNaN: value => `isnan(${value})`,
  mean: integers => `try_divide(CAST(sum(CAST(${integers} AS DECIMAL(38, 0))) AS DOUBLE), count(${integers}))`,
  meanOfFloats: values => `avg(${values})`,
  median: (values, isFloat) =>
    isFloat
      ? `percentile(CAST(${values} AS DOUBLE), 0.5)`
      : `element_at(array_sort(collect_list(${values})), CAST((count(${values}) + 1) DIV 2 AS INT))`,
  inOrder,
  ticks: (time, unit) =>
    unit === "d"
      ? `CAST(unix_date(${time}) AS BIGINT)`
      : unit === "ns"
        ? time // Spark reads them as numbers.
        : `unix_micros(CAST(${time} AS TIMESTAMP))`,
  parseTime: text => `try_cast(${text} AS TIMESTAMP)`,
  divide: (a, b) => `(${a} DIV ${b})`,
  tryCast: (value, dtype) => `try_cast(try_cast(${value} AS DECIMAL(38, 0)) AS ${type(dtype)})`,
  matches: (text, pattern) => `(${text} RLIKE '${pattern}')`,
  refuse: (value, why, dtype) => `CAST(raise_error(concat(${value}, ' ${why}')) AS ${type(dtype)})`,
  characters: text => `length(${text})`,
  xor: (a, b) => `(${a} ^ ${b})`,
  hash: ({ dictionary: _, ...col }) => ({
    ...col,
    dtype: "int64",
    sql: `merlon_hash${col.list ? "es" : ""}_${col.dtype}(${col.sql})`,
  }),
  modulo: (hash, by) => `(((shiftrightunsigned(${hash}, 1) % ${by}) * 2 + (${hash} & 1)) % ${by})`,
  lookUp(below, finds) {
    if (finds.length === 0) return below;
    const taken = finds.map(({ alias, take }) =>
      typeof take === "string"
        ? `t_${alias}.${take} AS ${alias}`
        : `CASE WHEN t_${alias}.found THEN ${struct(Object.fromEntries(take.map(name => [name, `t_${alias}.${name}`])))} END AS ${alias}`,
    );
    const joins = finds.map(({ alias, table, keys }) => {
      const same = keys.map(([column, key]) => `t_${alias}.${column} <=> ${below}.${key}`);
      return ` LEFT JOIN (SELECT *, true AS found FROM ${table}) t_${alias} ON ${same.join(" AND ")}`;
    });
    return `(SELECT ${below}.*, ${taken.join(", ")} FROM ${below}${joins.join("")})`;
  },
};

export const sparkSql = sqlIn(dialect);

/** DuckDB's name of a Spark type, for `refuseType`. */
export function duckdbName(type: string): string {
  const item = /^array<(.*)>$/.exec(type)?.[1];
  if (item !== undefined) return `${duckdbName(item)}[]`;
  const found = Object.entries(TYPES).find(([, spark]) => spark!.toLowerCase() === type);
  return (found && datatype(found[0] as DType).duckdb) || type.toUpperCase();
}

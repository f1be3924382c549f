/** Our statements as DuckDB reads them. */
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { type Dialect, type SortKey, sqlIn } from "./dialect.js";
import { identifier, sqlType } from "./literal.js";
import type { SqlColumn } from "./sql-column.js";

const dialect: Dialect = {
  engine: "duckdb",
  identifier,
  view: name => `CREATE OR REPLACE VIEW ${name} AS`,
  type: sqlType,
  listType: dtype => `${sqlType(dtype)}[]`,
  map: (list, item) => `list_transform(${list}, lambda v: ${item("v")})`,
  mapPairs: (a, b, item) => `list_transform(list_zip(${a}, ${b}), lambda v: ${item("v[1]", "v[2]")})`,
  emptyList: dtype => `CAST([] AS ${sqlType(dtype)}[])`,
  struct: fields => `{${Object.entries(fields).map(([name, sql]) => `${name}: ${sql}`)}}`,
  length: list => `len(${list})`,
  element: (list, place) => `${list}[${place}]`,
  part: (list, from, to) =>
    `CASE WHEN ${to} > ${from} THEN list_slice(${list}, ${from} + 1, ${to}) ELSE ${list}[1:0] END`,
  resize: (list, _dtype, length, fill) => `list_resize(${list}, ${length}, ${fill})`,
  // The cast to an array and back refuses any other length.
  ofLength: (list, dtype, length) => `CAST(CAST(${list} AS ${sqlType(dtype)}[${length}]) AS ${sqlType(dtype)}[])`,
  items: list => `unnest(${list})`,
  isInfinite: value => `isinf(${value})`,
  isNaN: value => `isnan(${value})`,
  mean: integers => `avg(${integers})`,
  meanOfFloats: values => `favg(${values})`,
  median: (values, isFloat) =>
    isFloat ? `quantile_cont(CAST(${values} AS DOUBLE), 0.5)` : `quantile_disc(${values}, 0.5)`,
  inOrder: {
    list: (value, order) => `list(${value} ${orderBy(order)})`,
    sum: (value, order) => `coalesce(sum(${value} ${orderBy(order)}), 0)`,
    mean: (value, order) => `(sum(${value} ${orderBy(order)}) / count(${value}))`,
    variance: (value, order) => `var_samp(${value} ${orderBy(order)})`,
  },
  // An infinite timestamp has no number: adding to it fails.
  ticks: (time, unit) =>
    unit === "d"
      ? `CAST(${time} - DATE '1970-01-01' AS BIGINT)`
      : `CASE WHEN NOT isfinite(${time}) THEN ${refuse(time, "is not a time that has a number", "int64")} ELSE epoch_${unit}(${time}) END`,
  parseTime: text => `TRY_CAST(${text} AS TIMESTAMPTZ)`,
  divide: (a, b) => `(${a} // ${b})`,
  tryCast: (value, dtype) => `TRY_CAST(${value} AS ${sqlType(dtype)})`,
  matches: (text, pattern) => `regexp_matches(${text}, '${pattern}')`,
  refuse,
  characters: text => `length(${text})`,
  xor: (a, b) => `xor(${a}, ${b})`,
  hash,
  modulo: (hashed, by) => `CAST(${hashed} % ${by} AS BIGINT)`,
  lookUp(below, finds) {
    if (finds.length === 0) return below;
    const taken = finds.map(({ alias, take, place }) => {
      if (typeof take === "string") return `t_${alias}.${take} AS ${alias}`;
      const all = dialect.struct(Object.fromEntries(take.map(name => [name, `t_${alias}.${name}`])));
      return `${place ? all : `CASE WHEN t_${alias}.found THEN ${all} END`} AS ${alias}`;
    });
    // Not a subquery in the select list: where rows were filtered before, DuckDB would join with the distinct keys first, and that in memory.
    const joins = finds.map(({ alias, table, keys, take, place }) => {
      const from = place || typeof take === "string" ? table : `(SELECT *, true AS found FROM ${table})`;
      const same = keys.map(([column, key]) =>
        place
          ? `t_${alias}.${column} = ${place(`${below}.${key}`)}`
          : `t_${alias}.${column} IS NOT DISTINCT FROM ${below}.${key}`,
      );
      return ` ${place ? "" : "LEFT "}JOIN ${from} t_${alias} ON ${same.join(" AND ")}`;
    });
    return `(SELECT ${below}.*, ${taken.join(", ")} FROM ${below}${joins.join("")})`;
  },
};

const orderBy = (order: readonly SortKey[]): string =>
  `ORDER BY ${order.map(({ sql, descending }) => `${sql} ${descending ? "DESC" : "ASC"} NULLS LAST`).join(", ")}`;

/** A cast that fails: `error()` is volatile, so `TRY` cannot be used. */
function refuse(value: string, why: string, dtype: DType): string {
  return `CAST(concat(${value}, ' ${why}') AS ${sqlType(dtype)})`;
}

export const duckdbSql = sqlIn(dialect);

/** The functions and macros of `hash-functions.ts`. */
function hash(col: SqlColumn): SqlColumn {
  const { eachAs } = duckdbSql;
  const { kind, bytes, duckdb } = datatype(col.dtype);
  if (kind === "string" || col.dictionary) return eachAs(col, "uint64", v => `merlon_hash_${col.dtype}(${v})`);
  const unsigned = sqlType(`uint${bytes * 8}` as DType);
  const bits = eachAs(col, "uint64", v => {
    if (kind === "float") {
      const nan = bytes === 8 ? "9221120237041090560" : "2143289344";
      return `coalesce(CAST(CAST(CAST(${v} AS BIT) AS ${unsigned}) AS UBIGINT), ${nan}::UBIGINT)`;
    }
    return kind === "bool" || duckdb === unsigned
      ? `CAST(${v} AS UBIGINT)`
      : `CAST(CAST(CAST(${v} AS BIT) AS ${unsigned}) AS UBIGINT)`;
  });
  // One macro a pass over a list: nested in one lambda, each would evaluate the one inside it twice.
  const first = eachAs(bits, "uint64", v => `merlon_mix_1(${v})`);
  const second = eachAs(first, "uint64", v => `merlon_mix_2(${v})`);
  const third = eachAs(second, "uint64", v => `merlon_mix_3(${v})`);
  return eachAs(third, "uint64", v => `coalesce(${v}, 18446744073709551615::UBIGINT)`);
}

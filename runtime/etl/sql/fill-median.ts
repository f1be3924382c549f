/** `fillMedian` in SQL: as `fillMissing`, with the fitted medians. */
import { medianOf } from "../../kernels/median-of.js";
import { fillSql } from "./fill-missing.js";
import type { SqlForm } from "./sql-form.js";

export const fillMedian: SqlForm<"fillMedian"> = (step, inputs, { sql }) =>
  fillSql(sql, step, inputs, (name, dtype) => medianOf(step, name, dtype));

/** `fillMedian` in SQL: as `fillMissing`, with the fitted medians. */

import type { SqlForm } from "../../runtime/etl/sql/sql-form.js";
import { fillSql } from "../fill-missing/sql.js";
import { medianOf } from "./kernel.js";

export const fillMedian: SqlForm<"fillMedian"> = (step, inputs, { sql }) =>
  fillSql(sql, step, inputs, (name, dtype) => medianOf(step, name, dtype));

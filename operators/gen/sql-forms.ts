/** Operator → its SQL form, where a workflow may hold it. Made by scripts/gen-operators.mjs (`npm run gen`). */
import { bucketize } from "../bucketize/sql.js";
import { categorify } from "../categorify/sql.js";
import { clip } from "../clip/sql.js";
import { columnSimilarity } from "../column-similarity/sql.js";
import { differenceLag } from "../difference-lag/sql.js";
import { dropna } from "../dropna/sql.js";
import { fillMedian } from "../fill-median/sql.js";
import { fillMissing } from "../fill-missing/sql.js";
import { filter } from "../filter/sql.js";
import { groupby } from "../groupby/sql.js";
import { hashBucket } from "../hash-bucket/sql.js";
import { hashedCross } from "../hashed-cross/sql.js";
import { joinExternal } from "../join-external/sql.js";
import { joinGroupby } from "../join-groupby/sql.js";
import { lambdaOp } from "../lambda-op/sql.js";
import { listSlice } from "../list-slice/sql.js";
import { logOp } from "../log-op/sql.js";
import { normalize } from "../normalize/sql.js";
import { normalizeMinMax } from "../normalize-min-max/sql.js";
import { reduceDtypeSize } from "../reduce-dtype-size/sql.js";
import { identity } from "../shared/sql/identity.js";
import { targetEncoding } from "../target-encoding/sql.js";
import { valueCount } from "../value-count/sql.js";

export const SQL_FORMS = {
  addProperties: identity,
  addTags: identity,
  bucketize,
  categorify,
  clip,
  columnSimilarity,
  dataStats: identity,
  differenceLag,
  dropLowCardinality: identity,
  dropna,
  fillMedian,
  fillMissing,
  filter,
  groupby,
  hashBucket,
  hashedCross,
  joinExternal,
  joinGroupby,
  lambdaOp,
  listSlice,
  logOp,
  median: identity,
  normalize,
  normalizeMinMax,
  reduceDtypeSize,
  rename: identity,
  targetEncoding,
  valueCount,
} as const;

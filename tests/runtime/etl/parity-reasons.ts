/** Intended differences from NVTabular 23.08; `docs/reference/nvtabular-parity.md` prints them. */

/** Operator → its differences: the case, Merlon's result, and NVTabular's. */
export const DIFFERENCES: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  bucketize: [],
  categorify: [
    ["a null inside a list", "1", "2"],
    ["a request of nulls alone", "is served", "raises"],
    ["ties in frequency", "ordered by value", "numpy's unstable sort"],
    ["hashes of lists", "work", "raise"],
    ["null in `singleTable`", "an id of its own in each column", "shares the id of the most frequent value"],
    ["a column beside a combo", "has its own domain", "has the group's domain"],
    ["two `categorify` of one column", "a vocabulary each; an import with other buckets is refused", "write one file"],
  ],
  clip: [["an integer column", "stays integer, rounded into the bounds", "becomes float64 under an int64 schema"]],
  columnSimilarity: [["an id beyond the matrix", "0; a null gives null", "reads past the end"]],
  dataStats: [],
  differenceLag: [
    ["times", "have differences", "cannot cast a timedelta: convert them to numbers first"],
    ["rows of several files", "are one sequence", "begin again in each partition"],
  ],
  dropLowCardinality: [
    ["columns after a Rename or similar", "are dropped by the fit, and kept by an import", "are always kept"],
  ],
  dropna: [],
  fillMedian: [
    ["the median of an even count of integers", "the lower middle value", "a fraction under an int64 schema"],
  ],
  filter: [],
  fillMissing: [["integers with nulls", "stay integers", "become float64 (pandas)"]],
  groupby: [
    ["order of groups", "by their first row", "by key, with columns in the order of a hash seed"],
    ["a group's rows", "from all files", "from one partition"],
    ["schema of `first` and `last`", "the data's dtype", "int32"],
    ["keys", "of the operator's input", "of the source, even before a dropna"],
  ],
  hashBucket: [
    ["a bucket depends on", "the value", "the value and the row number; `nvtabularHash` reproduces it"],
    ["lists", "work", "raise"],
    ["end of the domain", "n − 1", "n"],
  ],
  hashedCross: [["several groups", "several columns; otherwise as hashBucket", "raise"]],
  joinExternal: [
    ["integers without a match", "stay integers, with nulls", "become float64 (pandas)"],
    ["a key that the file has twice", "is an error", "adds rows"],
  ],
  joinGroupby: [
    [
      "null values",
      "are left out",
      "count as rows of the key, so mean, variance and deviation shrink; `nvtabularNulls` reproduces it",
    ],
    ["the sum of null values alone", "null", "0"],
    ["a null key", "is a key", "count 0, mean infinite"],
    ["an unseen key", "count 0", "raises"],
    ["`count` alone", "works", "raises"],
  ],
  lambdaOp: [
    ["a time", "an int64 with a unit", "a datetime"],
    ["the function", "is compiled, and also runs online", "runs in pandas alone"],
    ["`col.min()` and similar", "of the data at the export", "of the partition or request"],
  ],
  listSlice: [["padding", "keeps the dtype, for every list", "0.0 for integers, none for arrays"]],
  logOp: [],
  normalize: [
    ["deviation far from zero", "exact", "the sum of squares loses it"],
    ["an infinite value in the fit", "is refused", "gives infinities and NaN"],
  ],
  normalizeMinMax: [
    ["a constant", "0.5, also for 0", "NaN for 0"],
    ["lists", "work", "raise"],
    ["an infinite value in the fit", "is refused", "gives NaN"],
  ],
  reduceDtypeSize: [["a later value that does not fit", "is an error that names it", "wraps around"]],
  targetEncoding: [
    ["statistics", "of all rows", "by folds of row numbers; `foldMode` reproduces it"],
    ["the target in serving", "is not needed", "is required"],
    ["a row without a target", "is left out", "is counted; `nvtabularNulls` reproduces it"],
    ["a null key", "is a key", "has count 0"],
  ],
  valueCount: [],
};

/** Operators without a counterpart to compare with, and their other tests. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  "functions of `filter` and `lambdaOp`": "compared with JavaScript (`tests/runtime/engine/expression`)",
  "`addTags`, `addProperties`, `rename`, `tagAs…`, `subgraph`":
    "compared with merlin-core's schemas (`tests/formats/merlin-schema/merlin-schema.test.ts`, samples)",
  "`median`": "NVTabular 23.08 has no Median operator; the value is that of `fillMedian`",
};

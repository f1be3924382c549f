/** Intended differences from NVTabular 23.08, by operator; `docs/reference/nvtabular-parity.md` prints them. */

export const BETTER: Readonly<Record<string, string>> = {
  bucketize: "",
  categorify:
    "a null inside a list is 1 (NVTabular: 2); a request of nulls alone is answered (raises); ties in frequency go by value on any number of rows (numpy's unstable sort); lists can be hashed (raises); `singleTable` gives null an id of its own in each column (shared with the most frequent value); a column beside a combo has its own domain (the group's); each has a vocabulary of its own (two of one column write one file, and the import of other buckets is refused)",
  clip: "an integer column stays integer, rounded into the bounds (NVTabular: float64 under an int64 schema)",
  columnSimilarity: "an id beyond the matrix is like nothing, 0, and a null gives null (NVTabular reads past the end)",
  dataStats: "",
  differenceLag:
    "times have differences (NVTabular cannot cast a timedelta: make numbers of them first); the rows of all files are one sequence (it begins anew in each partition)",
  dropLowCardinality:
    "what goes is decided when the workflow is fitted (NVTabular keeps columns that a Rename or the like stands before; an import keeps them, too)",
  dropna: "",
  fillMedian:
    "the median of an even count of integers is the lower middle one (NVTabular: fractions under an int64 schema)",
  filter: "",
  fillMissing: "integers with nulls stay integers (pandas: float64)",
  groupby:
    "groups stand where their first row stood (NVTabular: sorted by key, columns in the order of a hash seed); a group has the rows of all files (one group a partition); the schema of `first` and `last` has the data's dtype (int32); keys are those of the rows it is given (taken from the source, past a dropna before it)",
  hashBucket:
    "a bucket depends on the value alone (NVTabular: on the row number too; `nvtabularHash` reproduces it); lists work (raises); the domain ends at n − 1 (n)",
  hashedCross: "as hashBucket; several groups make several columns (raises)",
  joinExternal:
    "integers without a match stay integers with nulls (pandas: float64); a key that the file has twice is an error, not more rows",
  joinGroupby:
    "a null value is left out (NVTabular divides by all rows of the key, so that mean, variance and deviation shrink, and sums nothing to 0; `nvtabularNulls` reproduces it); a null key is a key (NVTabular: count 0, mean infinite); an unseen key has count 0 (raises); `count` alone works (raises)",
  lambdaOp:
    "a time is an int64 that says its unit; the function is compiled, and runs online (NVTabular: pandas alone); `col.min()` and the like are those of the data that the export was given (NVTabular: of the partition or request)",
  listSlice:
    "padding keeps the dtype and works on every list (NVTabular pads integers with 0.0, and arrays not at all)",
  logOp: "",
  normalize:
    "the deviation far from zero is right (NVTabular's sum of squares cancels out); an infinite value among what is learnt is refused (NVTabular answers infinities and NaN)",
  normalizeMinMax:
    "a constant is 0.5 at zero too (NaN); lists work (raises); an infinite value among what is learnt is refused (NVTabular answers NaN)",
  reduceDtypeSize: "a later value that does not fit is an error that names it (NVTabular wraps it round)",
  targetEncoding:
    "full statistics, no target when served (NVTabular: folds by the place of a row, and asks for the target; `foldMode` reproduces it); a row without a target is left out (NVTabular counts it; `nvtabularNulls` reproduces it); a null key is a key (its count is taken for 0)",
  valueCount: "",
};

/** Operators without a counterpart to compare with, and their other tests. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  "what functions of filter and lambdaOp mean":
    "they are compiled; held to JavaScript itself (`tests/runtime/engine/expression`)",
  "addTags, addProperties, rename, tagAs…, subgraph":
    "schema alone; held to merlin-core's schemas (`tests/formats/merlin-schema/merlin-schema.test.ts`, samples)",
  median: "NVTabular 23.08 has no Median operator; the value is fillMedian's",
};

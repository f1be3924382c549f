/** An operator of NVTabular's → the call that means the same. */
import { filterCall, lambdaCalls, notesOf } from "./nvtabular-functions.js";
import { ImportError, kindOf, type NvtColumn, type NvtNode } from "./nvtabular-graph.js";
import { tagsOf } from "./nvtabular-tags.js";

interface Context {
  /** The dependencies' text. */
  readonly target: string | undefined;
  readonly left: string;
  /** The left side, and the dependencies that it has not. */
  readonly all: string;
  readonly warnings: string[];
  /** The program's path of a file of the node. */
  fileOf(path: string): string;
}

interface CallText {
  readonly text: string;
  readonly imports: readonly string[];
}

/** @throws ImportError for an operator that has no counterpart, or an option that has none */
export function callOf(node: NvtNode, context: Context): CallText {
  const kind = kindOf(node);
  const notes = notesOf(node).map(note => `node ${node.id} (${kind}): ${note}`);
  context.warnings.push(...notes);
  if (kind === "LambdaOp" || kind === "UDF") {
    const calls = lambdaCalls(node).map(call => `${context.all} >> ${call}`);
    return { text: calls.length === 1 ? calls[0]! : calls.map(call => `(${call})`).join(" + "), imports: ["lambdaOp"] };
  }
  if (kind === "Filter") return { text: `${context.left} >> ${filterCall(node)}`, imports: ["filter"] };
  const write = WRITERS[kind];
  if (!write)
    throw new ImportError(
      `node ${node.id} (${kind}) has no counterpart that can be imported. Write the workflow in Merlon, and fit.`,
    );
  const made = write(node, context);
  const imports = [...made.text.split(" >> ").map(one => one.slice(0, one.indexOf("("))), ...(made.imports ?? [])];
  return { text: made.whole ?? `${made.left ?? context.left} >> ${made.text}`, imports };
}

/** As the left side of `[]` or of a method. */
export const operand = (text: string): string => (/^\w+$/.test(text) ? text : `(${text})`);

type Writer = (
  node: NvtNode,
  context: Context,
) => {
  readonly text: string;
  readonly left?: string;
  /** In place of the left side and the call. */
  readonly whole?: string;
  /** Beside those of `text`. */
  readonly imports?: readonly string[];
};

/**
 * A call to an operator of numbers, with 0 and 1 in place of truth values on its left side. NVTabular computes with truth values too, such
 * as the columns of `add_binary_cols`.
 */
function onNumbers(node: NvtNode, left: string, text: string): ReturnType<Writer> {
  const { truths, pick, numbers } = truthsOf(node, left);
  if (truths.length === 0) return { text };
  const cast = `(${pick(truths)} >> lambdaOp(x => (x ? 1 : 0), {"dtype":"int8"}))`;
  return { left: numbers.length > 0 ? `(${pick(numbers)} + ${cast})` : cast, text, imports: ["lambdaOp"] };
}

/** The columns that a node reads, with truth values separate. */
function truthsOf(node: NvtNode, left: string) {
  const columns = node.input_schema ?? [];
  const isTruth = ({ dtype }: NvtColumn) => (typeof dtype === "object" ? dtype?.name : dtype) === "bool";
  const pick = (picked: readonly NvtColumn[]) => `${operand(left)}[${JSON.stringify(picked.map(col => col.name))}]`;
  return { truths: columns.filter(isTruth), numbers: columns.filter(col => !isTruth(col)), pick };
}

/** Truth values within the bounds stay what they are, as they do in pandas. */
function clip(node: NvtNode, left: string): ReturnType<Writer> {
  const [min, max] = [sum(node, "min_value"), sum(node, "max_value")];
  const text = call("clip", { min, max });
  const { truths, numbers, pick } = truthsOf(node, left);
  if (truths.length === 0 || Number(min ?? 0) > 0 || Number(max ?? 1) < 1) return onNumbers(node, left, text);
  return { text, whole: numbers.length > 0 ? `(${pick(numbers)} >> ${text}) + ${pick(truths)}` : pick(truths) };
}

/** `{}` vanishes; `undefined` and null are left out. */
function call(op: string, options: Readonly<Record<string, unknown>> = {}): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return `${op}(${given.length > 0 ? JSON.stringify(Object.fromEntries(given)) : ""})`;
}

const sum = (node: NvtNode, option: string, otherwise: unknown = undefined): unknown =>
  node.op_params[option] ?? otherwise;
const isTrue = (node: NvtNode, option: string): true | undefined =>
  node.op_params[option] === true ? true : undefined;

/**
 * The dtype that a node's output was given, as an option.
 * @param choices what the operator makes, its default first; narrower numbers are made as the narrowest of these
 */
function outDtype(node: NvtNode, option: string, choices: readonly string[], warnings: string[]): string | undefined {
  const given = node.op_params[option] as { name?: string } | string | null | undefined;
  const name = (typeof given === "object" ? given?.name : given) ?? undefined;
  if (name === undefined) return undefined;
  const long = LONG[name] ?? name;
  const made = choices.includes(long) ? long : choices.toSorted()[0]!;
  if (made !== long)
    warnings.push(`node ${node.id} (${kindOf(node)}): makes ${made}, not ${long}; the values are the same or closer.`);
  return made === choices[0] ? undefined : made;
}

/** numpy's codes of dtypes. */
const LONG: Readonly<Record<string, string>> = {
  "<f2": "float16",
  "<f4": "float32",
  "<f8": "float64",
  "<i2": "int16",
  "<i4": "int32",
  "<i8": "int64",
  "|i1": "int8",
};

/** Columns that share a storage name are a group. */
function groupsOf(node: NvtNode): readonly (string | readonly string[])[] {
  const names = (node.input_schema ?? []).map(col => col.name);
  const storage = (node.op_state.storage_name ?? {}) as Readonly<Record<string, string>>;
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(storage[name] ?? name, [...(groups.get(storage[name] ?? name) ?? []), name]);
  return [...groups.values()].map(group => (group.length > 1 ? group : group[0]!));
}

/** Keys of TargetEncoding and JoinGroupby: one column each, or columns joined. Statistics by fold are a key of their own there. */
function keyGroups(node: NvtNode, records: unknown): readonly (string | readonly string[])[] {
  const names = (node.input_schema ?? []).map(col => col.name);
  const keys = ((records ?? []) as { key: string[] }[]).map(({ key }) => key);
  return keys
    .filter(key => !key[0]?.startsWith("__fold__"))
    .map(key => (key.length > 1 ? key : names.includes(key[0]!) ? key[0]! : groupCalled(key[0]!, names, node)));
}

/** The columns whose names, joined in their order, are the name of a group. */
function groupCalled(joined: string, names: readonly string[], node: NvtNode): readonly string[] {
  const separator = separatorOf(node);
  const find = (rest: string): readonly string[] | undefined => {
    for (const name of names) {
      if (rest === name) return [name];
      const others = rest.startsWith(name + separator) ? find(rest.slice(name.length + separator.length)) : undefined;
      if (others) return [name, ...others];
    }
    return undefined;
  };
  const found = find(joined);
  if (!found) throw new ImportError(`node ${node.id} (${kindOf(node)}): \`${joined}\` is not made of its columns.`);
  return found;
}

const separatorOf = (node: NvtNode): string => String(node.op_params.name_sep ?? "_");

/** Groups are lists in the list on the left. */
function withGroups(groups: readonly (string | readonly string[])[], left: string): string {
  if (groups.every(group => typeof group === "string")) return left;
  const base = /^request\[\["(?:[^"\\]|\\.)*"(?:,"(?:[^"\\]|\\.)*")*\]\]$/.test(left) ? "request" : operand(left);
  return `${base}[${JSON.stringify(groups)}]`;
}

/** Names as the original has them, where it joins them by something else than `_`. */
function withSeparator(call: string, made: readonly (readonly [ours: string, theirs: string])[]): string {
  const other = made.filter(([ours, theirs]) => ours !== theirs);
  if (other.length === 0) return call;
  const [first] = other;
  if (made.length === 1) return `${call} >> rename({ name: ${JSON.stringify(first![1])} })`;
  return `${call} >> ${renameEach(other)}`;
}

function renameEach(names: readonly (readonly [from: string, to: string])[]): string {
  const cases = names.map(([from, to]) => `name === ${JSON.stringify(from)} ? ${JSON.stringify(to)}`);
  return `rename(name => ${cases.join(" : ")} : name)`;
}

/** From a place that is not negative to the end of the list, as no list is longer. */
const OPEN_END = 2 ** 31 - 1;

function scaled(name: string): Writer {
  return (node, { left, warnings }) =>
    onNumbers(node, left, call(name, { outDtype: outDtype(node, "out_dtype", ["float64", "float32"], warnings) }));
}

const WRITERS: Readonly<Record<string, Writer>> = {
  FillMissing: node => {
    const flags = isTrue(node, "add_binary_cols");
    return {
      text: `fillMissing(${JSON.stringify(sum(node, "fill_val", 0))}${flags ? ", { addBinaryColumns: true }" : ""})`,
    };
  },
  FillMedian: node => ({ text: call("fillMedian", { addBinaryColumns: isTrue(node, "add_binary_cols") }) }),
  Normalize: scaled("normalize"),
  NormalizeMinMax: scaled("normalizeMinMax"),
  Clip: (node, { left }) => clip(node, left),
  LogOp: (node, { left }) => onNumbers(node, left, "logOp()"),
  Dropna: () => ({ text: "dropna()" }),
  Bucketize: (node, { left }) => onNumbers(node, left, `bucketize(${JSON.stringify(node.op_params.boundaries)})`),
  HashBucket: (node, { warnings }) => {
    warnings.push(
      `node ${node.id} (HashBucket): NVTabular's buckets on a CPU depend on the row; Merlon's do not, so they are others. Train again with \`merlon transform\`.`,
    );
    if (typeof node.op_params.num_buckets !== "number")
      throw new ImportError(
        `node ${node.id} (HashBucket) has buckets by column. Write one hashBucket a column in Merlon.`,
      );
    return { text: `hashBucket(${node.op_params.num_buckets})` };
  },
  HashedCross: (node, { warnings, left }) => {
    warnings.push(`node ${node.id} (HashedCross): NVTabular's hash on a CPU depends on the row; Merlon's does not.`);
    const crosses = (node.op_params.crosses ?? []) as string[][];
    const given = node.op_params.num_buckets as number | readonly number[] | Readonly<Record<string, number>>;
    const sizes = typeof given === "number" ? [given] : Object.values(given);
    if (new Set(sizes).size !== 1)
      throw new ImportError(
        `node ${node.id} (HashedCross) has another number of buckets for each cross. Write one hashedCross a cross in Merlon.`,
      );
    return { text: `hashedCross(${sizes[0]})`, left: crosses.length > 1 ? withGroups(crosses, left) : left };
  },
  ListSlice: node => {
    const { start, end, pad, pad_value } = node.op_params;
    // NVTabular stores a missing end as the largest int64.
    const isOpen = end === null || end === undefined || Number(end) >= Number.MAX_SAFE_INTEGER;
    const bounds = isOpen && Number(start) < 0 ? `${start}` : `${start}, ${isOpen ? OPEN_END : end}`;
    return {
      text: `listSlice(${bounds}${pad === true ? `, ${JSON.stringify({ pad: true, padValue: pad_value })}` : ""})`,
    };
  },
  AddMetadata: node => {
    const tags = tagsOf((node.op_params.tags ?? []) as string[]);
    const properties = (node.op_params.properties ?? {}) as Readonly<Record<string, unknown>>;
    if (Object.keys(properties).length > 0 && tags.length > 0)
      throw new ImportError(
        `node ${node.id} (AddMetadata) adds tags and properties at once. Split it into AddTags and AddProperties.`,
      );
    return {
      text:
        tags.length > 0
          ? `addTags(${tags.map(tag => JSON.stringify(tag)).join(", ")})`
          : `addProperties(${JSON.stringify(properties)})`,
    };
  },
  Rename: node => {
    if (node.op_params.f)
      throw new ImportError(`node ${node.id} (Rename) holds a Python function. Write \`rename\` in Merlon.`);
    const { name, names, postfix } = node.op_params;
    if (names) return { text: renameEach(Object.entries(names as Readonly<Record<string, string>>)) };
    return { text: call("rename", { name, postfix }) };
  },
  Categorify: (node, { left, warnings }) => {
    const option = (name: string, none: unknown) => (node.op_params[name] === none ? undefined : node.op_params[name]);
    const isCombo = node.op_params.encode_type === "combo";
    const names = (node.input_schema ?? []).map(col => col.name);
    const groups = isCombo ? comboGroups(node, names) : groupsOf(node);
    if (option("num_buckets", null) !== undefined)
      warnings.push(
        `node ${node.id} (Categorify): values out of vocabulary are hashed to \`num_buckets\` ids. NVTabular's hash on a CPU depends on the row; Merlon's does not, so they get others. The ids of the vocabulary are the same.`,
      );
    const text = call("categorify", {
      freqThreshold: option("freq_threshold", 0),
      maxSize: option("max_size", 0),
      numBuckets: option("num_buckets", null),
      encodeType: isCombo ? "combo" : undefined,
      singleTable: isTrue(node, "single_table"),
      outDtype: outDtype(node, "dtype", ["int64", "int32"], warnings),
    });
    const made = isCombo
      ? groups.map(group => [[group].flat().join("_"), [group].flat().join(separatorOf(node))] as const)
      : [];
    return { left: withGroups(groups, left), text: withSeparator(text, made) };
  },
  TargetEncoding: (node, { left, target, warnings }) => {
    const { kfold, p_smooth } = node.op_params;
    if (kfold !== 1)
      warnings.push(
        `node ${node.id} (TargetEncoding): NVTabular applies folds to the rows it serves (kfold ${kfold}); Merlon serves the statistics of all rows.`,
      );
    const groups = keyGroups(node, node.op_state.stats);
    const options = call("", {
      pSmooth: p_smooth,
      nvtabularNulls: true,
      outDtype: outDtype(node, "out_dtype", ["float32", "float64"], warnings),
    }).slice(1, -1);
    const text = `targetEncoding(${target ?? `request[${JSON.stringify(node.op_params.target_cols)}]`}, ${options})`;
    const sep = separatorOf(node);
    const made = groups.flatMap(group =>
      ((node.op_params.target_cols ?? []) as string[]).map(
        of => [`TE_${[group].flat().join("_")}_${of}`, `TE_${[group].flat().join(sep)}_${of}`] as const,
      ),
    );
    return { left: withGroups(groups, left), text: withSeparator(text, made) };
  },
  JoinGroupby: (node, { left, target }) => {
    const groups = keyGroups(node, node.op_state.categories);
    const columns = (node.op_params.cont_cols ?? []) as string[];
    const stats = (node.op_params.stats ?? []) as string[];
    const of = target ?? (columns.length > 0 ? `request[${JSON.stringify(columns)}]` : undefined);
    const text = `joinGroupby(${JSON.stringify(stats)}${of === undefined ? "" : `, ${of}, {"nvtabularNulls":true}`})`;
    const sep = separatorOf(node);
    const made = groups.flatMap(group =>
      stats
        .flatMap(stat => (stat === "count" ? [[stat]] : columns.map(col => [col, stat])))
        .map(of => [[group, of].flat().join("_"), [group, of].flat().join(sep)] as const),
    );
    return { left: withGroups(groups, left), text: withSeparator(text, made) };
  },
  Groupby: (node, { all }) => {
    const { groupby_cols, sort_cols, ascending, name_sep } = node.op_params;
    const aggs = node.op_params.aggs as Readonly<Record<string, readonly string[]>>;
    const text = call("", {
      sort: (sort_cols as readonly string[] | null)?.length ? sort_cols : undefined,
      ascending: ascending === false ? false : undefined,
      nameSep: name_sep === "_" ? undefined : name_sep,
    }).slice(1, -1);
    const columns = [...new Set([...(groupby_cols as string[]), ...(node.input_schema ?? []).map(col => col.name)])];
    const picked = `[${JSON.stringify(columns)}]`;
    return {
      left: all === `request${picked}` ? all : `${operand(all)}${picked}`,
      text: `groupby(${JSON.stringify(groupby_cols)}, ${JSON.stringify(aggs.__all__ ?? aggs)}${text === "" ? "" : `, ${text}`})`,
    };
  },
  JoinExternal: (node, { fileOf }) => {
    const { on, on_ext, how, columns, path } = node.op_params as {
      on: readonly string[];
      on_ext: readonly string[];
      how: string;
      columns: Readonly<Record<string, string>>;
      path: string;
    };
    const taken = Object.entries(columns).filter(([name]) => !on.includes(name));
    return {
      text: `joinExternal(${JSON.stringify(fileOf(path))}, ${JSON.stringify({
        on,
        ...(on.some((name, i) => name !== on_ext[i]) && { onExternal: on_ext }),
        ...(how === "inner" && { how }),
        columns: Object.fromEntries(taken.map(([name, type]) => [name, type === "object" ? "string" : type])),
      })})`,
    };
  },
  DifferenceLag: (node, { target }) => {
    const shifts = node.op_params.shifts as readonly number[];
    const of = target ?? `request[${JSON.stringify(node.op_params.partition_cols)}]`;
    return { text: `differenceLag(${of}, ${JSON.stringify({ shift: shifts.length === 1 ? shifts[0] : shifts })})` };
  },
  ColumnSimilarity: (node, { left, fileOf }) => {
    const { metric, groups, paths } = node.op_params as { metric: string; groups: string[][]; paths: string[] };
    const [features, rightFeatures] = paths.map(fileOf);
    const options = call("", { rightFeatures, metric: metric === "tfidf" ? undefined : metric }).slice(1, -1);
    return {
      left: withGroups(groups, left),
      text: `columnSimilarity(${JSON.stringify(features)}${options === "" ? "" : `, ${options}`})`,
    };
  },
  DropLowCardinality: (node, { left, warnings }) => {
    const least = Number(node.op_params.min_cardinality);
    const kept = (node.output_schema ?? []).map(col => col.name);
    const isKept = ({ tags, properties }: NvtColumn) => {
      const largest = (properties?.domain as { max?: unknown } | undefined)?.max;
      return !tagsOf(tags ?? []).includes("categorical") || typeof largest !== "number" || largest >= least;
    };
    const ours = (node.input_schema ?? []).filter(isKept).map(col => col.name);
    const odd = kept.filter(name => !ours.includes(name));
    if (odd.length === 0 && ours.length === kept.length) return { text: `dropLowCardinality(${least})` };
    // NVTabular decides before it has fitted the operators in between, so that it keeps what it would drop.
    warnings.push(
      `node ${node.id} (DropLowCardinality): the saved workflow keeps ${odd.map(name => `\`${name}\``).join(", ")} of fewer ids than ${least}; so does the program, by name.`,
    );
    return { left: `${operand(left)}[${JSON.stringify(kept)}]`, text: `dropLowCardinality(0)` };
  },
  ValueCount: () => ({ text: "valueCount()" }),
  DataStats: () => ({ text: "dataStats()" }),
  ReduceDtypeSize: (node, { warnings }) => ({
    text: call("reduceDtypeSize", { floatDtype: outDtype(node, "float_dtype", ["float32", "float64"], warnings) }),
  }),
};

/** Each output of a combo is the names of a group, joined. A column may be in several. */
function comboGroups(node: NvtNode, names: readonly string[]): readonly (string | readonly string[])[] {
  const records = (node.op_state.categories ?? []) as readonly { key: readonly string[] }[];
  return records.map(({ key }) => {
    const joined = key.join(separatorOf(node));
    return names.includes(joined) ? joined : groupCalled(joined, names, node);
  });
}

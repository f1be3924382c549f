/** An operator of NVTabular's -> the call that means the same. */
import { ImportError, kindOf, type NvtNode } from "./nvtabular-graph.js";

interface Context {
  /** The dependency's text. */
  readonly target: string | undefined;
  readonly left: string;
  readonly parents: readonly NvtNode[];
  readonly warnings: string[];
}

interface CallText {
  readonly left: string;
  readonly text: string;
  readonly imports: readonly string[];
}

/** @throws ImportError for an operator that has no counterpart, or an option that has none */
export function callOf(node: NvtNode, context: Context): CallText {
  const kind = kindOf(node);
  const write = WRITERS[kind];
  if (!write) {
    const isFunction = ["LambdaOp", "UDF", "Filter"].includes(kind);
    throw new ImportError(
      `node ${node.id} (${kind}) ${isFunction ? "holds a Python function, which is not imported. Write it as `lambdaOp` or `filter`, and fit." : "has no counterpart that can be imported. Write the workflow in Merlon, and fit."}`,
    );
  }
  const made = write(node, context);
  return { left: made.left ?? context.left, text: made.text, imports: [made.text.slice(0, made.text.indexOf("("))] };
}

type Writer = (node: NvtNode, context: Context) => { readonly text: string; readonly left?: string };

/** `{}` vanishes; `undefined` and null are left out. */
function call(op: string, options: Readonly<Record<string, unknown>> = {}): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null);
  return `${op}(${given.length > 0 ? JSON.stringify(Object.fromEntries(given)) : ""})`;
}

const sum = (node: NvtNode, option: string, otherwise: unknown = undefined): unknown =>
  node.op_params[option] ?? otherwise;
const isTrue = (node: NvtNode, option: string): true | undefined =>
  node.op_params[option] === true ? true : undefined;

function outDtype(node: NvtNode, option: string, plain: string): string | undefined {
  const given = node.op_params[option] as { name?: string } | string | null | undefined;
  const name = typeof given === "object" ? given?.name : given;
  const long = { "<f4": "float32", "<f8": "float64", "<i4": "int32", "<i8": "int64" }[name ?? ""] ?? name;
  return long === plain ? undefined : long;
}

/** Columns that share a storage name are a group. */
function groupsOf(node: NvtNode): readonly (string | readonly string[])[] {
  const names = (node.input_schema ?? []).map(col => col.name);
  const storage = (node.op_state.storage_name ?? {}) as Readonly<Record<string, string>>;
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(storage[name] ?? name, [...(groups.get(storage[name] ?? name) ?? []), name]);
  return [...groups.values()].map(group => (group.length > 1 ? group : group[0]!));
}

/** Keys of TargetEncoding and JoinGroupby: one column each, or columns joined. */
function keyGroups(node: NvtNode, records: unknown, separator: string): readonly (string | readonly string[])[] {
  const names = (node.input_schema ?? []).map(col => col.name);
  return ((records ?? []) as { key: string[] }[]).map(({ key }) => {
    if (key.length > 1) return key;
    if (names.includes(key[0]!)) return key[0]!;
    const group = names.filter(name => key[0]!.split(separator).includes(name));
    return group.length > 1 ? group : names;
  });
}

/** A group stands in the list on the left, which only a selection of the request's columns has. */
function withGroups(groups: readonly (string | readonly string[])[], left: string, node: NvtNode): string {
  if (groups.every(group => typeof group === "string")) return left;
  if (!left.startsWith("request["))
    throw new ImportError(
      `node ${node.id} (${kindOf(node)}) groups columns that are computed. Write that part in Merlon, and fit.`,
    );
  return `request[${JSON.stringify(groups)}]`;
}

const WRITERS: Readonly<Record<string, Writer>> = {
  FillMissing: node => {
    const flags = isTrue(node, "add_binary_cols");
    return {
      text: `fillMissing(${JSON.stringify(sum(node, "fill_val", 0))}${flags ? ", { addBinaryColumns: true }" : ""})`,
    };
  },
  FillMedian: node => ({ text: call("fillMedian", { addBinaryColumns: isTrue(node, "add_binary_cols") }) }),
  Normalize: node => ({ text: call("normalize", { outDtype: outDtype(node, "out_dtype", "float64") }) }),
  NormalizeMinMax: node => ({ text: call("normalizeMinMax", { outDtype: outDtype(node, "out_dtype", "float64") }) }),
  Clip: node => ({ text: call("clip", { min: sum(node, "min_value"), max: sum(node, "max_value") }) }),
  LogOp: () => ({ text: "logOp()" }),
  Dropna: () => ({ text: "dropna()" }),
  Bucketize: node => ({ text: `bucketize(${JSON.stringify(node.op_params.boundaries)})` }),
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
    return { text: `hashedCross(${JSON.stringify(node.op_params.num_buckets)})`, left };
  },
  ListSlice: node => {
    const { start, end, pad, pad_value } = node.op_params;
    const bounds =
      end === null || end === undefined || end === Number.MAX_SAFE_INTEGER ? `${start}` : `${start}, ${end}`;
    return {
      text: `listSlice(${bounds}${pad === true ? `, ${JSON.stringify({ pad: true, padValue: pad_value })}` : ""})`,
    };
  },
  AddMetadata: node => {
    const tags = ((node.op_params.tags ?? []) as string[]).map(tag => tag.split(".").at(-1)!.toLowerCase());
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
    const { name, postfix } = node.op_params;
    return { text: call("rename", { name, postfix }) };
  },
  Categorify: (node, { left }) => {
    const option = (name: string, none: unknown) => (node.op_params[name] === none ? undefined : node.op_params[name]);
    const isCombo = node.op_params.encode_type === "combo";
    const names = (node.input_schema ?? []).map(col => col.name);
    const groups = isCombo ? comboGroups(node, names) : groupsOf(node);
    return {
      left: withGroups(groups, left, node),
      text: call("categorify", {
        freqThreshold: option("freq_threshold", 0),
        maxSize: option("max_size", 0),
        numBuckets: option("num_buckets", null),
        encodeType: isCombo ? "combo" : undefined,
        singleTable: isTrue(node, "single_table"),
        outDtype: outDtype(node, "dtype", "int64"),
      }),
    };
  },
  TargetEncoding: (node, { left, target, warnings }) => {
    const { kfold, p_smooth } = node.op_params;
    if (kfold !== 1)
      warnings.push(
        `node ${node.id} (TargetEncoding): NVTabular applies folds to the rows it serves (kfold ${kfold}); Merlon serves the statistics of all rows.`,
      );
    const groups = keyGroups(node, node.op_state.stats, "_");
    const options = call("", { pSmooth: p_smooth, outDtype: outDtype(node, "out_dtype", "float32") }).slice(1, -1);
    return {
      left: withGroups(groups, left, node),
      text: `targetEncoding(${target ?? `request[${JSON.stringify(node.op_params.target_cols)}]`}, ${options})`,
    };
  },
  JoinGroupby: (node, { left, target }) => {
    const groups = keyGroups(node, node.op_state.categories, "_");
    const columns = node.op_params.cont_cols as string[] | null;
    const of = target ?? (columns?.length ? `request[${JSON.stringify(columns)}]` : undefined);
    return {
      left: withGroups(groups, left, node),
      text: `joinGroupby(${JSON.stringify(node.op_params.stats)}${of === undefined ? "" : `, ${of}`})`,
    };
  },
};

/** Each output of a combo is the names of a group, joined. */
function comboGroups(node: NvtNode, names: readonly string[]): readonly (readonly string[])[] {
  const storage = (node.op_state.storage_name ?? {}) as Readonly<Record<string, string>>;
  const joined = [...new Set(names.map(name => storage[name] ?? name))];
  return joined.map(group => names.filter(name => (storage[name] ?? name) === group));
}

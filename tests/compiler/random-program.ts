// Random programs over the samples' artefacts: a list of instructions, each of which makes a node from earlier ones. An instruction that the
// compiler refuses at that place is left out, so that every list is a program.
import { join } from "node:path";
import fc from "fast-check";
import { artefactReader } from "#compiler/3-graph/artefacts.js";
import type { GraphDocument } from "#compiler/3-graph/document.js";
import { type InferredGraph, infer } from "#compiler/3-graph/infer.js";
import { serialise } from "#compiler/3-graph/serialise.js";
import {
  addTags,
  bucketize,
  clip,
  ensemble,
  fillMissing,
  filterCandidates,
  hashBucket,
  logOp,
  queryFaiss,
  queryFeast,
  rename,
  softmaxSampling,
  source,
  unrollFeatures,
} from "#compiler/dsl/index.js";
import type { AnyNode } from "#compiler/dsl/node.js";

export const ARTEFACTS = join(import.meta.dirname, "..", "samples", "artefacts");
const artefacts = artefactReader(ARTEFACTS);

/** The parts of one instruction: the operator, the nodes, the columns, and a few numbers. */
export interface Instruction {
  readonly what: number;
  readonly left: number;
  readonly right: number;
  readonly columns: number;
  readonly value: number;
}

export const instruction: fc.Arbitrary<Instruction> = fc.record({
  what: fc.nat(19),
  left: fc.nat(40),
  right: fc.nat(40),
  columns: fc.nat(0xffff),
  value: fc.integer({ min: 0, max: 9 }),
});

/** A node with a choice of its columns. */
interface Known {
  readonly node: AnyNode;
  readonly names: readonly string[];
}

export interface RandomProgram {
  readonly graph: GraphDocument;
  readonly inferred: InferredGraph;
}

const FEATURES = { user_features: ["age", "city", "purchased_ids"], item_features: ["price"] } as const;

export interface RandomOptions {
  readonly name?: string;
  /** A list without a length takes the ensemble's batch dimension away. */
  readonly purchased?: "list<int64>" | "int64[3]";
  /** Gives no answer the name of a request column, which Triton's ensembles can't have. */
  readonly ownNames?: boolean;
}

export function randomProgram(
  instructions: readonly Instruction[],
  { name = "random", purchased = "list<int64>", ownNames = false }: RandomOptions = {},
): RandomProgram {
  const understood = (node: AnyNode) => understand(ownNames ? node.pipe(rename({ postfix: "_out" })) : node, name);
  const request = source({
    user_id: "int64",
    a: "float32",
    b: "int64",
    c: "string",
    d: "float64",
    purchased,
    query: "float32[4]",
  });
  const known: Known[] = [{ node: request, names: ["user_id", "a", "b", "c", "d", "purchased", "query"] }];
  let done: readonly Instruction[] = [];
  for (const each of instructions) {
    // One in eight repeats an earlier one: equal steps are what sharing is for.
    const next = each.what === 18 && done.length ? done[each.left % done.length]! : each;
    const node = apply(known, next);
    const found = node && understood(node);
    if (!node || !found?.inferred.output?.length) continue;
    known.push({
      node,
      names: found.inferred.output.map(b => (ownNames ? b.column.name.replace(/_out$/, "") : b.column.name)),
    });
    done = [...done, next];
  }
  // Several ends make several readers; the last nodes are the deepest.
  const ends = known.slice(-5).reverse();
  for (let count = ends.length; count > 1; count--) {
    const joined = ends
      .slice(0, count)
      .reduce<AnyNode>((all, { node }) => all.plus(node, { wins: "right" }), known[0]!.node.pick("a"));
    const found = understood(joined);
    if (found) return found;
  }
  return understood(ends[0]!.node)!;
}

function understand(node: AnyNode, name: string): RandomProgram | undefined {
  const graph = serialise(ensemble(name, node));
  const inferred = infer(graph, { artefacts, variable: () => undefined });
  return inferred.faults.length ? undefined : { graph, inferred };
}

const pickAll = (node: AnyNode, names: readonly string[]): AnyNode =>
  (node.pick as unknown as (...all: readonly string[]) => AnyNode).call(node, ...names);

function apply(known: readonly Known[], { what, left, right, columns, value }: Instruction): AnyNode | undefined {
  const from = known[left % known.length]!;
  const other = known[right % known.length]!;
  const some = from.names.filter((_, i) => columns & (1 << (i % 16)));
  const one = from.names[columns % from.names.length]!;
  const picked: AnyNode = pickAll(from.node, some.length ? some : [one]);
  switch (what) {
    case 15:
      return picked.pipe(bucketize([-value, 0, value / 2 + 0.25]));
    case 16:
      return picked.pipe(clip(value % 2 ? { max: value / 3 } : { min: -value / 3 })).pipe(logOp());
    case 17:
      return picked.pipe(fillMissing(value)).pipe(clip({ min: -value, max: value + 0.5 }));
    case 0:
      return picked.pipe(clip({ min: value - 5, max: value }));
    case 1:
      return picked.pipe(logOp());
    case 2:
      return picked.pipe(value % 2 ? fillMissing(value, { addBinaryColumns: true }) : fillMissing(value));
    case 3:
      return picked.pipe(hashBucket(value + 2));
    case 4:
      return picked.pipe(rename({ postfix: `_${value % 3}` }));
    case 5:
      return picked.pipe(addTags("user"));
    case 6:
      return from.node.plus(other.node, { wins: "right" });
    case 7:
      return from.names.length > 1 ? from.node.minus([one]) : undefined;
    case 8:
    case 9:
    case 10:
    case 19: {
      const view = value % 4 === 0 ? "item_features" : "user_features";
      const features = FEATURES[view].filter((_, i) => right & (1 << i));
      return (left % 3 ? known[0]!.node.pick("user_id") : from.node.pick(one)).pipe(
        queryFeast("features", {
          view,
          includeId: value % 2 === 1,
          prefix: ["", "p", "q"][value % 3]!,
          onMissing:
            value > 6
              ? { purchased_ids: "null", age: { default: value }, city: { default: "?" }, price: "null" }
              : "null",
          ...(features.length && { features }),
        }),
      );
    }
    case 11:
      return known[0]!.node
        .pick("query")
        .pipe(queryFaiss("index/items.faiss", { topk: value + 1, includeDistances: value % 2 === 0 }));
    case 12:
      return from.node.pipe(unrollFeatures(one, pickAll(other.node, other.names.slice(0, 1 + (value % 3)))));
    case 13:
      return from.node.pick(one).pipe(filterCandidates(known[0]!.node.pick("purchased")));
    default:
      return from.node.pick(one).pipe(
        softmaxSampling(other.node.pick(other.names[right % other.names.length]!), {
          topk: value + 1,
          mode: "greedy",
        }),
      );
  }
}

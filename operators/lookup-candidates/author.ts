/** Candidates by key, from a table that is replaced while it is served. */
import { join } from "node:path";
import { z } from "zod";
import * as messages from "../../compiler/diagnostics/messages.js";
import type { ArtefactOf, CandidatesArtefact, PathOf } from "../../compiler/dsl/artefacts.js";
import type { IsUnknown, Keep, NameOf } from "../../compiler/dsl/column.js";
import { Op } from "../../compiler/dsl/node.js";
import type { OpenRule, Rule } from "../../compiler/dsl/rule.js";
import type { Lacking, NotOne } from "../../compiler/dsl/wanted.js";
import { comparedAs } from "../../contract/comparable-ids.js";
import { type IdSpace, idSpaces } from "../../contract/id-space.js";
import { OP_PARAMS } from "../../contract/op-params.js";
import { type ColumnSchema, column, printType } from "../../contract/schema.js";
import type { TrainedColumn } from "../../formats/merlin-schema/trained-on.js";
import { CANDIDATES_SUFFIX } from "../../formats/tables/candidate-table.js";
import { need, needOne } from "../shared/author/columns.js";
import { defineOp } from "../shared/author/define-op.js";
import { meetsIds } from "../shared/author/id-spaces.js";

interface Options {
  /** Column on the left: one key per row, or a list of keys. Without it the only column. */
  readonly key?: string;
  /** Most candidates of a row; without it all. */
  readonly topk?: number;
  /** Adds `candidate_scores`, larger is better. @default false */
  readonly scores?: boolean;
  /** Takes the only list of the table for each row of the column on the left. @default false */
  readonly everyone?: boolean;
  /**
   * Unites the lists of several keys: by `"sum"` or `"max"` of scores, or `"roundRobin"`. @default "sum" with scores, else "roundRobin"
   */
  readonly merge?: "sum" | "max" | "roundRobin";
  /** Name of the column of ids. @default "candidate_ids" */
  readonly name?: string;
}

type KeyInteger = "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32";

/** The dtypes that are compared with keys of one; the value-level twin is `comparedAs`. */
type ComparedWith<K extends string> = K extends KeyInteger ? KeyInteger : K;

/** A key, or several. */
type KeyType<K extends string> =
  ComparedWith<K> extends infer D extends string ? D | `list<${D}>` | `${D}[${number}]` : never;

/** The column of keys: the named one, or the only one. */
type KeyName<O, S extends string> = O extends { readonly key: infer N extends string } ? N : NameOf<S>;

/** A sentence unless S has keys of the table. */
type NoKey<P extends string, K extends string, N extends string, S extends string> = [Keep<S, N>] extends [never]
  ? Lacking<"lookupCandidates", `${K} ${N}`, S>
  : Keep<S, N> extends `${KeyType<K>} ${string}`
    ? never
    : `the keys of ${P} are ${K}, but upstream provides "${Keep<S, N>}"`;

type KeyFault<P extends string, T extends CandidatesArtefact, O extends Options, S extends string> =
  IsUnknown<S> extends true
    ? never
    : [O extends { readonly key: string } ? never : NotOne<"lookupCandidates", S>] extends [never]
      ? O extends { readonly everyone: true }
        ? never
        : NoKey<P, T["keys"], KeyName<O, S>, S>
      : NotOne<"lookupCandidates", S>;

interface LookupRule<P extends string, T extends CandidatesArtefact, O extends Options> extends Rule {
  readonly fault: KeyFault<P, T, O, this["S"]>;
  readonly out:
    | `${T["ids"]} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
    | (O extends { readonly scores: true } ? "float32 candidate_scores" : never);
}

/**
 * Looks candidates up by key in a table: popular items of a country, or items bought together. A key without a
 * row brings none. `merlon candidates` makes tables; the server reads a table again within 5 s after it was replaced. A damaged table, or one
 * of other types, is reported in the log, and the one before it stays in use.
 * @param path table, relative to this file
 * @example request >> lookupCandidates("tables/bought-together.candidates", { key: "recent_ids", topk: 50, scores: true })
 */
export const lookupCandidates = <const P extends PathOf<"candidates">, const O extends Options = Record<never, never>>(
  path: P,
  options?: O,
): Op<[ArtefactOf<P, "candidates">] extends [never] ? OpenRule : LookupRule<P, ArtefactOf<P, "candidates">, O>> =>
  new Op("lookupCandidates", { path, ...options });

export const lookupCandidatesOp = defineOp({
  kind: "lookupCandidates",
  positional: ["path"],
  params: OP_PARAMS.lookupCandidates.omit({ merge: true }).extend({
    key: z.string().optional(),
    merge: z.enum(["sum", "max", "roundRobin"]).optional(),
  }),
  infer: call => {
    const { key: keyName, merge, ...params } = call.params;
    const { path, scores, name } = params;
    const reader = `\`lookupCandidates("${path}")\``;
    const read = call.artefacts.candidates(path);
    if (!read.ok) return call.fail(read.message, { literal: path });
    const table = read.value;
    const key =
      keyName === undefined
        ? needOne(call, call.input, reader, `lookupCandidates("${path}", { key: "…" })`)
        : need(call, call.input, keyName, reader, "Bring the key along, or name another column in `key`.", {
            literal: keyName,
          });
    if (!key) return undefined;
    const lists = table.keys.values.length;
    if (params.everyone && lists > 1)
      return call.refuse(
        `\`everyone\` needs a table with one list, and \`${path}\` has ${lists}.`,
        "Name the column of keys in `key`, or make the table without `--by`.",
        "right",
      );
    if (!params.everyone && !comparedAs(key.column.dtype, table.keys.dtype))
      return call.fail(
        messages.schemaDtypeMismatch({
          reader,
          column: key.column.name,
          wanted: table.keys.dtype,
          seen: printType(key.column),
          way: "Make the table of the same keys with `merlon candidates`.",
        }),
        keyName === undefined ? "left" : { literal: keyName },
      );
    const isList = key.column.list !== undefined && !params.everyone;
    const merged = merge ?? (table.scores && isList ? "sum" : "roundRobin");
    if (!table.scores && (scores || merged !== "roundRobin"))
      return call.refuse(
        `\`${scores ? "scores" : "merge"}\` needs scores, and the table has none.`,
        "Leave it out, or make the table with scores.",
        "right",
      );
    if (scores && isList && merged === "roundRobin")
      return call.refuse(
        'candidates of several keys have no score of their own with `merge: "roundRobin"`.',
        'Choose `merge: "sum"` or `"max"`, or leave `scores` out.',
        "right",
      );
    if (!params.everyone && table.keyOf)
      meetsIds(call, key, { name: `\`${path}\``, spaces: [spaceOf(table.keyOf)] }, "left");
    const file = call.artefactName(path, read.path);
    const to = join("tables", file.endsWith(CANDIDATES_SUFFIX) ? file : `${file}${CANDIDATES_SUFFIX}`);
    const rows = call.id;
    return {
      params: { ...params, merge: merged },
      inputs: { input: [key] },
      outputs: [
        column(name, table.ids.dtype, { rows, tags: ["id"], properties: idProperties(table.itemOf) }),
        ...(scores ? [column("candidate_scores", "float32", { rows })] : []),
      ],
      madeRows: { parent: key.column.rows },
      artefacts: { table: to },
      files: [{ from: read.path, to }],
    };
  },
});

const spaceOf = ({ name, vocabulary }: TrainedColumn): IdSpace => ({ kind: vocabulary ? "codes" : "raw", of: name });

/** Codes keep their vocabulary, so that a model after the table is compared with it. */
function idProperties(of: TrainedColumn | undefined): ColumnSchema["properties"] {
  if (!of) return {};
  const { name, cardinality, vocabulary } = of;
  return {
    ...idSpaces([spaceOf(of)]),
    ...(vocabulary && cardinality && { domain: { min: 0, max: cardinality - 1, name }, vocabulary_sum: vocabulary }),
  };
}

/** The condition of a search in a vector database, compiled and checked for the database's language. */
import * as messages from "../../compiler/diagnostics/messages.js";
import type { LambdaReference } from "../../compiler/dsl/lambda.js";
import type { Expression } from "../../contract/expression.js";
import type { OpParams } from "../../contract/op-params.js";
import { FilterFault, templateOf } from "../../contract/vector-filter/template.js";
import type { TableColumn } from "../../formats/tables/attribute-table.js";
import { refuseFilter } from "../../formats/vectors/store-abilities.js";
import type { VectorStore } from "../../formats/vectors/vector-store.js";
import type { Bound } from "../shared/author/bound.js";
import type { Call } from "../shared/author/define-op.js";
import { itemCondition } from "../shared/author/item-condition.js";

export interface VectorsParams {
  readonly store: string;
  readonly where?: LambdaReference | undefined;
}

export interface CompiledVectorsWhere {
  readonly where: NonNullable<OpParams["queryVectors"]["where"]>;
  /** Columns of the left node that it reads. */
  readonly user: readonly Bound[];
}

/** @returns undefined after a fault, which is reported; null where no condition is given */
export function compileVectorsWhere(
  call: Call<VectorsParams>,
  query: Bound,
  store: VectorStore,
): CompiledVectorsWhere | null | undefined {
  const { where } = call.params;
  if (!where) return null;
  const lambda = call.readFunction(where, "queryVectors");
  if (!lambda) return undefined;
  const columns = Object.entries(store.attributes).map(([name, dtype]): TableColumn => ({ name, dtype, type: dtype }));
  const condition = itemCondition(call, query, lambda, columns, "queryVectors");
  if (!condition) return undefined;
  const { text, conditions, user, item } = condition;
  if (!isExpressible(call, store, conditions)) return undefined;
  const attributes = Object.fromEntries(item.map(name => [name, store.attributes[name]!]));
  return { where: { text, conditions, attributes }, user };
}

/** Reports a condition that the database cannot say. */
function isExpressible(call: Call<VectorsParams>, store: VectorStore, conditions: readonly Expression[]): boolean {
  try {
    refuseFilter(store.type, templateOf(conditions));
    return true;
  } catch (error) {
    if (!(error instanceof FilterFault)) throw error;
    call.fail(
      messages.graphParameter({
        operator: "queryVectors",
        problem: `\`where\` ${error.problem}.`,
        way: error.way,
      }),
      "right",
    );
    return false;
  }
}

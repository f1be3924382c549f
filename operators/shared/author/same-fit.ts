/** Compares the vocabularies that a model was trained on, as its file says, with those of the workflow before it. */
import { listNames } from "../../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../../compiler/diagnostics/messages.js";
import type { JsonValue } from "../../../contract/schema.js";
import type { TrainedOn } from "../../../formats/merlin-schema/trained-on.js";
import type { Bound } from "./bound.js";
import type { Call } from "./define-op.js";

/** An input of a model, and the column that it takes. */
export interface Tied {
  readonly tensor: string;
  readonly bound: Bound;
}

type Fits = Pick<Call<unknown>, "fail" | "warn" | "workflowOf" | "artefacts">;

/**
 * Checks that a model and the workflow before it are from one fit: ids of another are other rows of its tables, or beyond them.
 * Ids of another fit are other values: false, and reported, where a column has not the ids that the model was trained on. Warns of a model
 * whose file does not say which ids these are.
 */
export function sameFit(call: Fits, path: string, tied: readonly Tied[], trained: TrainedOn): boolean {
  const { cardinalities = {}, vocabularies = {} } = trained;
  const unstamped: Tied[] = [];
  for (const one of tied) {
    const { name, properties } = one.bound.column;
    const known = [inputName(one), name].find(
      own => Object.hasOwn(cardinalities, own) || Object.hasOwn(vocabularies, own),
    );
    if (known === undefined && typeof properties.vocabulary_sum === "string") unstamped.push(one);
    const ids = known === undefined ? undefined : ownOf(cardinalities, known);
    const max = domainMax(properties.domain);
    if (known === undefined || ids === undefined || max === undefined) continue;
    const seen = max + 1 === ids ? otherValues(ownOf(vocabularies, known), properties.vocabulary_sum) : String(max + 1);
    if (seen === undefined) continue;
    call.fail(messages.onnxOtherFit({ path, trained: String(ids), column: name, seen }), { literal: path });
    return false;
  }
  if (unstamped.length > 0) warnUnstamped(call, path, unstamped);
  return true;
}

/** The model's own name of the column: that of the tensor, whatever column is bound to it here. */
const inputName = ({ tensor }: Tied): string => tensor.replace(/__(values|offsets)$/, "");

function warnUnstamped(call: Fits, path: string, tied: readonly Tied[]): void {
  const columns = [...new Set(tied.map(({ bound }) => bound.column.name))];
  const workflowOf = ({ bound }: Tied): string =>
    call.workflowOf(bound) ?? call.artefacts.workflowMaking([bound.column.name]) ?? "FOLDER";
  const commands = [...new Set(tied.map(workflowOf))].map(workflow => {
    const renamed = tied
      .filter(one => workflowOf(one) === workflow && inputName(one) !== one.bound.column.name)
      .map(one => `${inputName(one)}=${one.bound.column.name}`);
    const inputs = renamed.length === 0 ? "" : ` --input ${[...new Set(renamed)].join(" ")}`;
    return `\`merlon stamp ${path} --workflow ${workflow}${inputs}\``;
  });
  call.warn(
    messages.onnxUnstamped({
      path,
      columns: listNames(columns),
      have: columns.length === 1 ? "has" : "have",
      way: commands.join(", "),
    }),
    { literal: path },
  );
}

/** A column may be called `constructor`. */
const ownOf = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** As many ids of other values; undefined where they are the same, or where one side is older than these checksums. */
function otherValues(trained: string | undefined, seen: JsonValue | undefined): string | undefined {
  if (trained === undefined || typeof seen !== "string" || trained === seen) return undefined;
  return `as many for other values (vocabulary ${short(seen)}, and the model's is ${short(trained)})`;
}

const short = (sum: string): string => sum.slice(0, "sha256:".length + 12);

export const domainMax = (domain: JsonValue | undefined): number | undefined =>
  typeof domain === "object" && domain !== null && !Array.isArray(domain) && typeof domain.max === "number"
    ? domain.max
    : undefined;

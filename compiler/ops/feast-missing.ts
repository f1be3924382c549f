/** What `onMissing` says of the features that `queryFeast` reads: names that are there, defaults of their dtypes. */
import { defaultFault, missingRule, namedInMissing } from "../../triton-protos/feast-missing.js";
import { type ColumnSchema, printType } from "../../triton-protos/schema.js";
import { didYouMean, listNames } from "../diagnostics/diagnostic.js";
import * as messages from "../diagnostics/messages.js";
import type { Call } from "./define-op.js";
import type { FeastAuthor } from "./feast-author.js";
import type { FeastViews } from "./feast-views.js";

/** Reports a name in `onMissing` that no view has, and a default that is none of its feature's. */
export function fitsMissing(
  call: Call<FeastAuthor>,
  { views }: FeastViews,
  outputs: readonly { readonly schema: ColumnSchema; readonly feature: string }[],
): boolean {
  const { onMissing, repository } = call.params;
  const known = [...new Set([...outputs.map(o => o.schema.name), ...views.flatMap(v => v.features.map(f => f.name))])];
  const stray = namedInMissing(onMissing).find(name => !known.includes(name));
  if (stray !== undefined) {
    call.fail(
      messages.feastFeatureMissing({
        path: repository,
        view: views.map(v => v.name).join("`, `"),
        feature: stray,
        known: listNames(known),
        suggestion: didYouMean(stray, known),
      }),
      { literal: stray },
    );
    return false;
  }
  for (const { schema, feature } of outputs) {
    const rule = missingRule(onMissing, schema.name, feature);
    const problem = typeof rule === "object" ? defaultFault(schema, rule.default) : undefined;
    if (problem === undefined) continue;
    call.fail(
      messages.graphParameter({ operator: "queryFeast", problem, way: `Give a ${printType(schema)}, or \`"null"\`.` }),
      "right",
    );
    return false;
  }
  return true;
}

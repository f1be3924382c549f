/**
 * `source({ ... })` and `source.fromSchema("path")`: columns of the request.
 */
import { REQUEST_STEP } from "../../../contract/plan.js";
import { type ColumnSchema, printColumn } from "../../../contract/schema.js";
import * as messages from "../../diagnostics/messages.js";
import { sourceColumns } from "../source-columns.js";
import { type Inference, type NodeColumns, type NodeOf, report, ungrouped } from "./inference.js";

export function inferSource(inference: Inference, { columns, site }: NodeOf<"source">): NodeColumns | undefined {
  const before = inference.faults.length;
  const declared = sourceColumns(columns, (message, blame) => report(inference, message, site, blame));
  return inference.faults.length > before || columns === undefined ? undefined : declare(inference, declared, site);
}

export function inferSchema(inference: Inference, node: NodeOf<"schema">): NodeColumns | undefined {
  // The checker has said so where it is no text; it is then no file either.
  const path = String(node.path);
  const read = inference.options.artefacts.schema(path);
  return read.ok
    ? declare(inference, read.value, node.site)
    : report(inference, read.message, node.site, { literal: path });
}

function declare(inference: Inference, columns: readonly ColumnSchema[], site: number | undefined): NodeColumns {
  const { inputs } = inference;
  const scope = columns.map(made => {
    const { name } = made;
    const known = inputs.find(c => c.name === name);
    if (!known) inputs.push(made);
    else if (printColumn(known) !== printColumn(made))
      report(
        inference,
        messages.schemaDtypeMismatch({
          reader: "Another `source`",
          column: name,
          wanted: printColumn(known),
          seen: printColumn(made),
          way: "Declare a column once.",
        }),
        site,
        "whole",
      );
    return { column: made, ref: { step: REQUEST_STEP, column: name } };
  });
  return ungrouped(scope);
}

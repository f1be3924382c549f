// Made by scripts/gen-messages.mjs from messages.md: do not edit.
import type { Message } from "./diagnostic.js";
import { replacing, type Suggestion } from "./fixes.js";

/** Every code, in the order of messages.md. */
export const CODES = [
  "rewrite/list-without-source",
  "rewrite/list-ambiguous",
  "rewrite/compound-assignment",
  "rewrite/bracket-on-new-line",
  "rewrite/syntax",
  "rewrite/nesting",
  "type/not-imported",
  "type/unknown-import",
  "type/unknown-name",
  "type/module-missing",
  "type/import-type",
  "type/declared-twice",
  "type/node-as-argument",
  "type/no-node",
  "type/arguments",
  "type/column-as-property",
  "type/column-computed",
  "type/column-assigned",
  "type/called",
  "type/operator",
  "type/option",
  "type/used-before",
  "type/operand",
  "type/typescript",
  "graph/export-missing",
  "graph/evaluation-failed",
  "graph/machine",
  "graph/timeout",
  "graph/not-a-node",
  "graph/not-an-operator",
  "graph/not-addable",
  "graph/export-several",
  "graph/export-kind",
  "graph/two-forms",
  "graph/program-output",
  "graph/foreign-node",
  "graph/dtype-unknown",
  "graph/source-columns",
  "graph/empty-selection",
  "graph/node-list",
  "graph/names",
  "graph/precedence",
  "graph/group-unused",
  "option/unknown",
  "option/missing",
  "option/value",
  "option/record",
  "option/not-data",
  "graph/parameter",
  "graph/log",
  "graph/topk-short",
  "graph/floor-uniform",
  "graph/propensity",
  "graph/filter-in-ensemble",
  "graph/learns-in-ensemble",
  "lambda/unread",
  "lambda/unsupported",
  "lambda/type",
  "lambda/unknown-name",
  "schema/tag-missing",
  "schema/column-missing",
  "schema/name-collision",
  "schema/dtype-mismatch",
  "schema/dtype-unsupported",
  "schema/rows-mismatch",
  "schema/one-column",
  "schema/output-collision",
  "artefact/missing",
  "artefact/unreadable",
  "artefact/outside",
  "artefact/changed",
  "artefact/types-stale",
  "onnx/input-without-column",
  "onnx/inputs-without-columns",
  "onnx/raw-columns",
  "onnx/other-fit",
  "graph/ids-of-other",
  "graph/codes-answered",
  "graph/distance-as-score",
  "onnx/unstamped",
  "onnx/mixes-rows",
  "onnx/table-small",
  "onnx/tensor-missing",
  "onnx/shape-unsupported",
  "onnx/dtype-unsupported",
  "onnx/no-tensor",
  "onnx/data-missing",
  "feast/not-materialized",
  "feast/ids-unknown",
  "faiss/empty",
  "feast/view-missing",
  "feast/feature-missing",
  "feast/keys-several",
  "feast/which-view",
  "feast/service-missing",
  "schema/null-for-model",
  "feast/service-unsupported",
  "feast/drop-no-candidates",
  "feast/value-unsupported",
  "faiss/parameter",
  "faiss/where",
  "faiss/dimension-mismatch",
  "faiss/other-metric",
  "faiss/other-tower",
  "triton/not-lowered",
  "workflow/stage-operator",
  "workflow/different-rows",
  "workflow/edited",
  "workflow/filtered",
  "workflow/groups-mixed",
  "workflow/subgraph-missing"
] as const;

/** A bare list of names is short for columns of the file's only source. */
export const rewriteListWithoutSource = (p: { readonly list: string | number }): Message => ({
  code: "rewrite/list-without-source",
  message: `Expected a node, found the list ${p.list}. This file has no \`source(...)\` whose columns it could name.`,
  help: `Write \`const events = source({ ... })\` first, or pick from a node: \`node[${p.list}]\`.`,
});

/** rewrite/list-ambiguous */
export const rewriteListAmbiguous = (p: { readonly list: string | number; readonly sources: string | number; readonly first: string | number }): Message => ({
  code: "rewrite/list-ambiguous",
  message: `The list ${p.list} could be columns of ${p.sources}.`,
  help: `Say which one: \`${p.first}[${p.list}]\`.`,
});

/** Nodes are values. A variable that means two nodes makes the graph unreadable, and its type cannot be checked. */
export const rewriteCompoundAssignment = (p: { readonly operator: string | number; readonly name: string | number; readonly right: string | number }): Message => ({
  code: "rewrite/compound-assignment",
  message: `\`${p.operator}=\` would change what \`${p.name}\` is in the middle of the graph.`,
  help: `Give the result a name of its own: \`const next = ${p.name} ${p.operator} ${p.right}\`.`,
});

/** rewrite/bracket-on-new-line */
export const rewriteBracketOnNewLine = (p: { readonly list: string | number }): Message => ({
  code: "rewrite/bracket-on-new-line",
  message: `\`${p.list}\` on a line of its own continues the expression before it.`,
  help: `End the line before with a semicolon, or put the bracket on the same line.`,
});

/** rewrite/syntax */
export const rewriteSyntax = (p: { readonly problem: string | number }): Message => ({
  code: "rewrite/syntax",
  message: `This is not TypeScript: ${p.problem}.`,
  help: `Correct the text at the mark; nothing else in the file is checked before that.`,
});

/** Chains count too: each `>>` holds everything left of it. The bound is the stack of the process; some 300 operators in one expression are within it. */
export const rewriteNesting = (p: { readonly levels: string | number }): Message => ({
  code: "rewrite/nesting",
  message: `This is nested too deeply to be compiled${p.levels}.`,
  help: `Name parts of it, \`const part = ...\`, and go on with the names.`,
});

/** type/not-imported */
export const typeNotImported = (p: { readonly name: string | number }): Message => ({
  code: "type/not-imported",
  message: `\`${p.name}\` is not imported.`,
  help: `Add it to the import: \`import { ${p.name} } from "merlon"\`.`,
});

/** type/unknown-import */
export const typeUnknownImport = (p: { readonly name: string | number; readonly suggestion: string | Suggestion; readonly example: string | number }): Message => ({
  code: "type/unknown-import",
  message: `\`merlon\` has no \`${p.name}\`.${p.suggestion}`,
  help: `Import a name it has: \`import { ${p.example} } from "merlon"\`.`,
  ...replacing(p.suggestion),
});

/** type/unknown-name */
export const typeUnknownName = (p: { readonly name: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "type/unknown-name",
  message: `There is no \`${p.name}\` here.${p.suggestion}`,
  help: `Declare it before, \`const ${p.name} = ...\`, or correct its name.`,
  ...replacing(p.suggestion),
});

/** type/module-missing */
export const typeModuleMissing = (p: { readonly module: string | number; readonly way: string | number }): Message => ({
  code: "type/module-missing",
  message: `There is no module \`${p.module}\`.`,
  help: `${p.way}`,
});

/** type/import-type */
export const typeImportType = (p: { readonly names: string | number }): Message => ({
  code: "type/import-type",
  message: `\`import type\` brings the types of ${p.names} alone, and a program calls them.`,
  help: `Leave the word out: \`import { ... } from "merlon"\`.`,
});

/** type/declared-twice */
export const typeDeclaredTwice = (p: { readonly name: string | number }): Message => ({
  code: "type/declared-twice",
  message: `\`${p.name}\` is declared twice.`,
  help: `Give the second a name of its own.`,
});

/** type/node-as-argument */
export const typeNodeAsArgument = (p: { readonly operator: string | number; readonly way: string | number }): Message => ({
  code: "type/node-as-argument",
  message: `\`${p.operator}\` is called with a node, and takes its options there.`,
  help: `Put the node left of \`>>\`: \`${p.way}\`.`,
});

/** type/no-node */
export const typeNoNode = (p: { readonly name: string | number }): Message => ({
  code: "type/no-node",
  message: `\`${p.name}\` belongs to Node, and a program only describes a graph: what it compiles to must not depend on the machine.`,
  help: `Write the value into the program, or into a \`*.ts\` file that it imports.`,
});

/** type/arguments */
export const typeArguments = (p: { readonly name: string | number; readonly given: string | number; readonly parameters: string | number }): Message => ({
  code: "type/arguments",
  message: `\`${p.name}\` does not take ${p.given} arguments.`,
  help: `Write \`${p.parameters}\`.`,
});

/** A column may be called anything, `pipe` and `columns` too, so that it never is a property. */
export const typeColumnAsProperty = (p: { readonly left: string | number; readonly name: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "type/column-as-property",
  message: `\`${p.left}.${p.name}\` is not how a column is picked.${p.suggestion}`,
  help: `Write \`${p.left}["${p.name}"]\`.`,
  ...replacing(p.suggestion),
});

/** type/column-computed */
export const typeColumnComputed = (p: { readonly left: string | number; readonly key: string | number }): Message => ({
  code: "type/column-computed",
  message: `\`${p.left}[${p.key}]\` selects columns by an expression. Column names in brackets must be string literals.`,
  help: `Write \`${p.left}.pick(${p.key})\`, which takes names that are known only when the file runs.`,
});

/** type/column-assigned */
export const typeColumnAssigned = (p: { readonly left: string | number; readonly key: string | number; readonly name: string | number }): Message => ({
  code: "type/column-assigned",
  message: `\`${p.left}[${p.key}]\` cannot be assigned: nodes are values.`,
  help: `Give the sum a name of its own: \`const next = ${p.left} + (... >> rename({ name: "${p.name}" }))\`.`,
});

/** type/called */
export const typeCalled = (p: { readonly name: string | number; readonly what: string | number; readonly way: string | number }): Message => ({
  code: "type/called",
  message: `\`${p.name}\` is called like a function, and is ${p.what}.`,
  help: `${p.way}`,
});

/** type/operator */
export const typeOperator = (p: { readonly operator: string | number; readonly what: string | number; readonly way: string | number }): Message => ({
  code: "type/operator",
  message: `\`${p.operator}\` means nothing for ${p.what}.`,
  help: `${p.way}`,
});

/** type/option */
export const typeOption = (p: { readonly operator: string | number; readonly what: string | number; readonly text: string | number }): Message => ({
  code: "type/option",
  message: `\`${p.operator}\` does not take ${p.what} as it is written here: ${p.text}`,
  help: `Hover over \`${p.operator}\`: its documentation has the options and an example.`,
});

/** type/used-before */
export const typeUsedBefore = (p: { readonly name: string | number }): Message => ({
  code: "type/used-before",
  message: `\`${p.name}\` is used before it is made.`,
  help: `Move its line up. If two nodes need each other, the graph has a cycle, which is not allowed.`,
});

/** Found while checking types, before the graph is built. */
export const typeOperand = (p: { readonly sentence: string | number; readonly way: string | number }): Message => ({
  code: "type/operand",
  message: `${p.sentence}`,
  help: `${p.way}`,
});

/** type/typescript */
export const typeTypescript = (p: { readonly text: string | number; readonly number: string | number }): Message => ({
  code: "type/typescript",
  message: `${p.text} (TS${p.number})`,
  help: `This message is TypeScript's own. Correct the expression at the mark.`,
});

/** graph/export-missing */
export const graphExportMissing = (p: { readonly file: string | number; readonly expected: string | number; readonly seen: string | number; readonly way: string | number }): Message => ({
  code: "graph/export-missing",
  message: `\`${p.file}\` exports no ${p.expected}: its default export is ${p.seen}.`,
  help: `${p.way}`,
});

/** graph/evaluation-failed */
export const graphEvaluationFailed = (p: { readonly file: string | number; readonly reason: string | number }): Message => ({
  code: "graph/evaluation-failed",
  message: `Running ${p.file} failed: ${p.reason}`,
  help: `Correct the line at the mark. The file is run once, at build time, to get its graph.`,
});

/** The files of a program may not read the clock, random numbers, the environment or the process. Packages that it imports may. */
export const graphMachine = (p: { readonly value: string | number }): Message => ({
  code: "graph/machine",
  message: `\`${p.value}\` is different on each run or machine, and a program compiles to the same plan everywhere.`,
  help: `Write the value into the program, or compute it in the graph: from a column of the request, or by an operator.`,
});

/** graph/timeout */
export const graphTimeout = (p: { readonly file: string | number; readonly seconds: string | number }): Message => ({
  code: "graph/timeout",
  message: `Running ${p.file} did not end within ${p.seconds} s.`,
  help: `An ensemble file only describes a graph: take loops that wait and requests to other services out of it.`,
});

/** graph/not-a-node */
export const graphNotANode = (p: { readonly operator: string | number; readonly seen: string | number }): Message => ({
  code: "graph/not-a-node",
  message: `The left side of \`${p.operator}\` is ${p.seen}, not a node.`,
  help: `Start from \`source({ ... })\`, or from a list of its columns: \`["price"] >> clip({ min: 0 })\`.`,
});

/** graph/not-an-operator */
export const graphNotAnOperator = (p: { readonly seen: string | number; readonly example: string | number }): Message => ({
  code: "graph/not-an-operator",
  message: `The right side of \`>>\` is ${p.seen}, not an operator.`,
  help: `Put an operator there, as in \`>> ${p.example}\`.`,
});

/** graph/not-addable */
export const graphNotAddable = (p: { readonly operator: string | number; readonly seen: string | number }): Message => ({
  code: "graph/not-addable",
  message: `The right side of \`${p.operator}\` is ${p.seen}, not a node.`,
  help: `Use a node or a list of column names.`,
});

/** graph/export-several */
export const graphExportSeveral = (p: { readonly programs: string | number }): Message => ({
  code: "graph/export-several",
  message: `This file exports several programs (${p.programs}), and a file makes one model.`,
  help: `Move each to a file of its own, with one \`export default\`.`,
});

/** graph/export-kind */
export const graphExportKind = (p: { readonly file: string | number; readonly seen: string | number; readonly expected: string | number; readonly way: string | number }): Message => ({
  code: "graph/export-kind",
  message: `\`${p.file}\` exports ${p.seen}, and its name promises ${p.expected}.`,
  help: `${p.way}`,
});

/** graph/two-forms */
export const graphTwoForms = (p: { readonly file: string | number; readonly other: string | number }): Message => ({
  code: "graph/two-forms",
  message: `\`${p.file}\` and \`${p.other}\` are two forms of one program.`,
  help: `Remove one of them, or give it another name.`,
});

/** graph/program-output */
export const graphProgramOutput = (p: { readonly program: string | number; readonly seen: string | number; readonly way: string | number }): Message => ({
  code: "graph/program-output",
  message: `\`${p.program}\` takes a name and a node, and gets ${p.seen}.`,
  help: `${p.way}`,
});

/** graph/foreign-node */
export const graphForeignNode = (p: { readonly file: string | number }): Message => ({
  code: "graph/foreign-node",
  message: `This graph reads a node of \`${p.file}\`, which is a program of its own.`,
  help: `Put what both share in a file without \`export default\`, and import it in both.`,
});

/** graph/dtype-unknown */
export const graphDtypeUnknown = (p: { readonly column: string | number; readonly seen: string | number; readonly suggestion: string | Suggestion; readonly known: string | number }): Message => ({
  code: "graph/dtype-unknown",
  message: `\`${p.column}\` is declared as ${p.seen}, which is not a dtype.${p.suggestion}`,
  help: `Write one of ${p.known}, \`list<int64>\` for lists, or \`float32[64]\` for vectors.`,
  ...replacing(p.suggestion),
});

/** graph/source-columns */
export const graphSourceColumns = (p: { readonly seen: string | number }): Message => ({
  code: "graph/source-columns",
  message: `\`source\` takes columns with their dtypes, and gets ${p.seen}.`,
  help: `Write \`source({ user_id: "int64", price: "float32" })\`.`,
});

/** graph/empty-selection */
export const graphEmptySelection = (p: { readonly list: string | number }): Message => ({
  code: "graph/empty-selection",
  message: `\`${p.list}\` selects no columns.`,
  help: `Name at least one, or \`"*"\` for all.`,
});

/** graph/node-list */
export const graphNodeList = (p: {  }): Message => ({
  code: "graph/node-list",
  message: `Expected a node, found a list of nodes.`,
  help: `Put them side by side: \`(a + b) >> operator(...)\`. For a column group pick by name: \`(a + b)[[["x", "y"]]]\`.`,
});

/** Groups cannot be nested: a list in a list is the deepest form. */
export const graphNames = (p: { readonly operator: string | number; readonly seen: string | number }): Message => ({
  code: "graph/names",
  message: `\`${p.operator}\` takes column names, and gets ${p.seen}.`,
  help: `Write a name, a list of names, or a list with groups: \`["a", ["b", "c"]]\`.`,
});

/** graph/precedence */
export const graphPrecedence = (p: {  }): Message => ({
  code: "graph/precedence",
  message: `\`+\` binds tighter than \`>>\`, so that the operator itself is added to a node here.`,
  help: `Put parentheses around the chain: \`(node >> operator(...)) + other\`.`,
});

/** A list in a list is a column group: several columns that `categorify`, `targetEncoding`, `joinGroupby` and `hashedCross` take together. */
export const graphGroupUnused = (p: { readonly operator: string | number; readonly group: string | number; readonly list: string | number }): Message => ({
  code: "graph/group-unused",
  message: `\`${p.operator}\` takes its columns one by one, so the group ${p.group} means nothing to it.`,
  help: `List the columns without the inner brackets: \`[${p.list}]\`.`,
});

/** option/unknown */
export const optionUnknown = (p: { readonly operator: string | number; readonly option: string | number; readonly suggestion: string | Suggestion; readonly known: string | number }): Message => ({
  code: "option/unknown",
  message: `\`${p.operator}\` has no option \`${p.option}\`.${p.suggestion}`,
  help: `It has ${p.known}.`,
  ...replacing(p.suggestion),
});

/** option/missing */
export const optionMissing = (p: { readonly operator: string | number; readonly option: string | number; readonly wanted: string | number }): Message => ({
  code: "option/missing",
  message: `\`${p.operator}\` needs \`${p.option}\`, ${p.wanted}.`,
  help: `Give it: hover over \`${p.operator}\` for an example.`,
});

/** option/value */
export const optionValue = (p: { readonly option: string | number; readonly operator: string | number; readonly wanted: string | number; readonly seen: string | number; readonly suggestion: string | Suggestion; readonly way: string | number }): Message => ({
  code: "option/value",
  message: `\`${p.option}\` of \`${p.operator}\` takes ${p.wanted}, and gets ${p.seen}.${p.suggestion}`,
  help: `${p.way}`,
  ...replacing(p.suggestion),
});

/** option/record */
export const optionRecord = (p: { readonly operator: string | number; readonly seen: string | number; readonly example: string | number; readonly known: string | number }): Message => ({
  code: "option/record",
  message: `\`${p.operator}\` takes its options as a record, and gets ${p.seen}.`,
  help: `Write \`${p.example}\`. It has ${p.known}.`,
});

/** A plan is a JSON document: no functions, dates, big integers, instances of classes, or lists that hold themselves. */
export const optionNotData = (p: { readonly option: string | number; readonly operator: string | number; readonly seen: string | number }): Message => ({
  code: "option/not-data",
  message: `\`${p.option}\` of \`${p.operator}\` is ${p.seen}, which a plan cannot hold.`,
  help: `Give it plain data: numbers, texts, booleans, lists and records of these.`,
});

/** graph/parameter */
export const graphParameter = (p: { readonly operator: string | number; readonly problem: string | number; readonly way: string | number }): Message => ({
  code: "graph/parameter",
  message: `\`${p.operator}\`: ${p.problem}`,
  help: `${p.way}`,
});

/** The exposure log has one row per shown item, with fixed columns and the columns that the program keeps. */
export const graphLog = (p: { readonly problem: string | number; readonly way: string | number }): Message => ({
  code: "graph/log",
  message: `\`ensemble\`: \`log\` cannot be written: ${p.problem}`,
  help: `${p.way}`,
});

/** Every answer would have fewer candidates than it has room for, and no request fails. */
export const graphTopkShort = (p: { readonly operator: string | number; readonly topk: string | number; readonly search: string | number; readonly found: string | number }): Message => ({
  code: "graph/topk-short",
  message: `\`${p.operator}\` keeps ${p.topk} candidates, and \`${p.search}\` before it finds ${p.found} at most.`,
  help: `Raise \`topk\` of \`${p.search}\`: stages in between leave some candidates out, so several times ${p.topk} is usual.`,
});

/** The floors of n candidates take n times `minPropensity` of the probability. At 1 or more, the draw is uniform. */
export const graphFloorUniform = (p: { readonly operator: string | number; readonly least: string | number; readonly search: string | number; readonly found: string | number; readonly way: string | number }): Message => ({
  code: "graph/floor-uniform",
  message: `\`${p.operator}\` gives each candidate at least ${p.least}, and \`${p.search}\` before it finds up to ${p.found}. If it finds them all, the draw is uniform, and scores have no effect.`,
  help: `Write a \`minPropensity\` far below 1 / ${p.found}, such as ${p.way}.`,
});

/** The probability of a shown list is known if one draw makes the list, and nothing reorders or filters it afterwards. */
export const graphPropensity = (p: { readonly operator: string | number; readonly column: string | number; readonly because: string | number; readonly way: string | number }): Message => ({
  code: "graph/propensity",
  message: `\`${p.operator}\` would return a \`${p.column}\` that is not exact: ${p.because}.`,
  help: `${p.way}`,
});

/** graph/filter-in-ensemble */
export const graphFilterInEnsemble = (p: { readonly operator: string | number }): Message => ({
  code: "graph/filter-in-ensemble",
  message: `\`${p.operator}\` adds or removes rows, and an ensemble returns one row for each row of the request.`,
  help: `Filter in the \`*.workflow.ts\`, where training data passes; or filter candidates, after the retrieval.`,
});

/** graph/learns-in-ensemble */
export const graphLearnsInEnsemble = (p: { readonly operator: string | number }): Message => ({
  code: "graph/learns-in-ensemble",
  message: `\`${p.operator}\` learns from data, and an ensemble is built without any.`,
  help: `Put it in a \`*.workflow.ts\`, fit that with \`merlon fit\`, and write \`>> transformWorkflow("FOLDER")\` here.`,
});

/** The compiler reads a function's syntax and never runs it. It cannot read a function that another file exports. */
export const lambdaUnread = (p: { readonly operator: string | number }): Message => ({
  code: "lambda/unread",
  message: `\`${p.operator}\` was given something whose text the compiler does not have.`,
  help: `Write the function in the call, \`${p.operator}(x => x * 2)\`, or as a \`const\` of the same \`*.workflow.ts\` or \`*.ensemble.ts\`.`,
});

/** Functions are compiled to expressions. These may use arithmetic, comparison, logic, conditions, `Math` and constants of the file. They may also use methods of texts, `.length`, `[i]`, `.at(i)` and `.includes(x)` of lists, `getUTC…` parts of `new Date(milliseconds)`, `const`, `if` and `return`. */
export const lambdaUnsupported = (p: { readonly what: string | number; readonly way: string | number }): Message => ({
  code: "lambda/unsupported",
  message: `${p.what} is not allowed in a function of columns.`,
  help: `${p.way}`,
});

/** lambda/type */
export const lambdaType = (p: { readonly operator: string | number; readonly wanted: string | number; readonly seen: string | number; readonly way: string | number }): Message => ({
  code: "lambda/type",
  message: `${p.operator} takes ${p.wanted}, and gets ${p.seen}.`,
  help: `${p.way}`,
});

/** lambda/unknown-name */
export const lambdaUnknownName = (p: { readonly name: string | number; readonly known: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "lambda/unknown-name",
  message: `\`${p.name}\` is neither a parameter nor a constant of this file. The function can use ${p.known}.${p.suggestion}`,
  help: `Name a parameter like the column, or declare a constant before.`,
  ...replacing(p.suggestion),
});

/** schema/tag-missing */
export const schemaTagMissing = (p: { readonly tags: string | number; readonly known: string | number; readonly suggestion: string | Suggestion; readonly example: string | number }): Message => ({
  code: "schema/tag-missing",
  message: `No column has the tag ${p.tags}. Upstream has ${p.known}.${p.suggestion}`,
  help: `Add it before, \`>> addTags("${p.example}")\`, or pick columns by name.`,
  ...replacing(p.suggestion),
});

/** schema/column-missing */
export const schemaColumnMissing = (p: { readonly reader: string | number; readonly column: string | number; readonly columns: string | number; readonly suggestion: string | Suggestion; readonly way: string | number }): Message => ({
  code: "schema/column-missing",
  message: `${p.reader} needs column \`${p.column}\`, which nothing upstream provides. Upstream has ${p.columns}.${p.suggestion}`,
  help: `${p.way}`,
  ...replacing(p.suggestion),
});

/** Merlin silently lets the right side win. Two columns of one name from the same step are the same column and do not collide. */
export const schemaNameCollision = (p: { readonly column: string | number; readonly left: string | number; readonly right: string | number }): Message => ({
  code: "schema/name-collision",
  message: `Both sides of \`+\` provide \`${p.column}\` (${p.left} on the left, ${p.right} on the right).`,
  help: `Drop one, \`(left - "${p.column}") + right\`, rename one, \`>> rename({ prefix: "left_" })\`, or say which wins: \`left.plus(right, { wins: "right" })\`.`,
});

/** schema/dtype-mismatch */
export const schemaDtypeMismatch = (p: { readonly reader: string | number; readonly column: string | number; readonly wanted: string | number; readonly seen: string | number; readonly way: string | number }): Message => ({
  code: "schema/dtype-mismatch",
  message: `${p.reader} needs column \`${p.column}\` as ${p.wanted}, but upstream provides ${p.seen}.`,
  help: `${p.way}`,
});

/** schema/dtype-unsupported */
export const schemaDtypeUnsupported = (p: { readonly operator: string | number; readonly wanted: string | number; readonly column: string | number; readonly seen: string | number; readonly way: string | number }): Message => ({
  code: "schema/dtype-unsupported",
  message: `\`${p.operator}\` works on ${p.wanted}, but \`${p.column}\` is ${p.seen}.`,
  help: `${p.way}`,
});

/** Candidates are kept per user, so a batch never mixes users. This is why one node cannot have both kinds of rows. */
export const schemaRowsMismatch = (p: { readonly reader: string | number; readonly left: string | number; readonly leftRows: string | number; readonly right: string | number; readonly rightRows: string | number; readonly way: string | number }): Message => ({
  code: "schema/rows-mismatch",
  message: `${p.reader} combines columns with different rows: \`${p.left}\` has one value per ${p.leftRows}, \`${p.right}\` one per ${p.rightRows}.`,
  help: `${p.way}`,
});

/** schema/one-column */
export const schemaOneColumn = (p: { readonly reader: string | number; readonly count: string | number; readonly columns: string | number; readonly way: string | number }): Message => ({
  code: "schema/one-column",
  message: `${p.reader} takes exactly one column, and gets ${p.count}: ${p.columns}.`,
  help: `${p.way}`,
});

/** schema/output-collision */
export const schemaOutputCollision = (p: { readonly operator: string | number; readonly column: string | number; readonly way: string | number }): Message => ({
  code: "schema/output-collision",
  message: `\`${p.operator}\` would make column \`${p.column}\` twice.`,
  help: `${p.way}`,
});

/** artefact/missing */
export const artefactMissing = (p: { readonly what: string | number; readonly path: string | number; readonly resolved: string | number; readonly suggestion: string | Suggestion; readonly way: string | number }): Message => ({
  code: "artefact/missing",
  message: `${p.what} \`${p.path}\` does not exist (looked for ${p.resolved}).${p.suggestion}`,
  help: `${p.way}`,
  ...replacing(p.suggestion),
});

/** artefact/unreadable */
export const artefactUnreadable = (p: { readonly what: string | number; readonly path: string | number; readonly reason: string | number; readonly way: string | number }): Message => ({
  code: "artefact/unreadable",
  message: `${p.what} \`${p.path}\` cannot be read: ${p.reason}.`,
  help: `${p.way}`,
});

/** A program that reads what is not in its project compiles on one machine alone. */
export const artefactOutside = (p: { readonly what: string | number; readonly path: string | number; readonly project: string | number }): Message => ({
  code: "artefact/outside",
  message: `${p.what} \`${p.path}\` is outside of the project (${p.project}).`,
  help: `Move it, or link it, into the project, and write its path relative to this file.`,
});

/** artefact/changed */
export const artefactChanged = (p: { readonly what: string | number; readonly path: string | number }): Message => ({
  code: "artefact/changed",
  message: `${p.what} \`${p.path}\` changed while the program was being compiled.`,
  help: `Build again once it is written. Replace such files atomically: write a new file, then rename it.`,
});

/** The compiler reads the artefacts themselves, so this is not an error. `merlon-env.d.ts` is for the editor. */
export const artefactTypesStale = (p: { readonly file: string | number; readonly what: string | number; readonly path: string | number }): Message => ({
  code: "artefact/types-stale",
  message: `\`${p.file}\` has ${p.what} for \`${p.path}\`: what your editor shows is not what the artefact has.`,
  help: `Run \`merlon typegen\`; \`merlon build\` does it too.`,
});

/** onnx/input-without-column */
export const onnxInputWithoutColumn = (p: { readonly path: string | number; readonly tensor: string | number; readonly type: string | number; readonly columns: string | number; readonly suggestion: string | Suggestion; readonly ways: string | number }): Message => ({
  code: "onnx/input-without-column",
  message: `\`${p.path}\` has an input \`${p.tensor}\` (${p.type}), and upstream has no column of that name. Upstream has ${p.columns}.${p.suggestion}`,
  help: `Rename a column to \`${p.tensor}\`, or bind ${p.ways}.`,
  ...replacing(p.suggestion),
});

/** A model reads what the workflow that it was trained with makes of the raw columns. */
export const onnxInputsWithoutColumns = (p: { readonly path: string | number; readonly tensors: string | number; readonly columns: string | number; readonly way: string | number }): Message => ({
  code: "onnx/inputs-without-columns",
  message: `\`${p.path}\` has the inputs ${p.tensors}, and upstream has no columns of these names. Upstream has ${p.columns}.`,
  help: `${p.way}`,
});

/** onnx/raw-columns */
export const onnxRawColumns = (p: { readonly path: string | number; readonly workflow: string | number; readonly columns: string | number }): Message => ({
  code: "onnx/raw-columns",
  message: `\`${p.path}\` reads what \`${p.workflow}\` makes of the raw columns, and upstream has the raw ones: ${p.columns}.`,
  help: `Put the workflow before the model: \`>> transformWorkflow("${p.workflow}") >> predictOnnx("${p.path}")\`.`,
});

/** onnx/other-fit */
export const onnxOtherFit = (p: { readonly path: string | number; readonly trained: string | number; readonly column: string | number; readonly seen: string | number }): Message => ({
  code: "onnx/other-fit",
  message: `\`${p.path}\` was trained on ${p.trained} ids of \`${p.column}\`, and the workflow before it makes ${p.seen}. They are from different fits: the model would read vectors of other ids.`,
  help: `Train and export the model on data of this fit, or name the folder of the fit that it was trained on.`,
});

/** Ids of a column have a space: a column of data, a join key of a store, or the vocabulary of a workflow. */
export const graphIdsOfOther = (p: { readonly column: string | number; readonly mine: string | number; readonly other: string | number; readonly theirs: string | number; readonly way: string | number }): Message => ({
  code: "graph/ids-of-other",
  message: `\`${p.column}\` has ${p.mine}, and ${p.other} has ${p.theirs}. Equal numbers are then different things.`,
  help: `${p.way}`,
});

/** graph/codes-answered */
export const graphCodesAnswered = (p: { readonly column: string | number; readonly of: string | number; readonly operator: string | number }): Message => ({
  code: "graph/codes-answered",
  message: `\`${p.column}\` answers codes of \`${p.of}\`, which the workflow numbered, and not the ids that clients know.`,
  help: `Choose among the raw ids: the column that the workflow encoded, on the same rows, on the left of \`${p.operator}\`.`,
});

/** graph/distance-as-score */
export const graphDistanceAsScore = (p: { readonly column: string | number; readonly operator: string | number }): Message => ({
  code: "graph/distance-as-score",
  message: `\`${p.column}\` has distances, whose smallest is the best, and \`${p.operator}\` takes the largest for the best.`,
  help: `Turn it round: \`${p.column} >> lambdaOp(d => -d, { name: "similarity" })\`, or build the index with \`--metric cosine\` or \`ip\`.`,
});

/** `merlon-lab` notes it at export. Other tools do so with a few lines of Python; the page about own models has them. */
export const onnxUnstamped = (p: { readonly path: string | number; readonly columns: string | number; readonly have: string | number; readonly way: string | number }): Message => ({
  code: "onnx/unstamped",
  message: `\`${p.path}\` does not say which vocabulary it was trained on, and ${p.columns} ${p.have} ids of one that its workflow learned. A model of another fit would not be noticed.`,
  help: `Note the fit that it was trained on in its file: ${p.way}.`,
});

/** The rows of several users run together, so each response would depend on the others. `merlon build` and `merlon check --run` run each model on generated rows. */
export const onnxMixesRows = (p: { readonly path: string | number; readonly output: string | number; readonly row: string | number; readonly alone: string | number; readonly other: string | number; readonly rows: string | number; readonly how: string | number; readonly difference: string | number }): Message => ({
  code: "onnx/mixes-rows",
  message: `\`${p.path}\` mixes the rows of a batch: \`${p.output}\` of row ${p.row} is ${p.alone} alone, and ${p.other} when ${p.rows} rows run ${p.how} (relative difference ${p.difference}).`,
  help: `Export the model without what reads other rows: a softmax over axis 0, batch normalization in training mode, dynamic quantization, attention over padding. If it is meant, write \`predictOnnx("${p.path}", { mixesRows: true })\`: its requests then run one by one.`,
});

/** An id beyond the table ends its request: `Gather` of ONNX Runtime refuses it. */
export const onnxTableSmall = (p: { readonly path: string | number; readonly column: string | number; readonly table: string | number; readonly rows: string | number; readonly largest: string | number; readonly needed: string | number }): Message => ({
  code: "onnx/table-small",
  message: `\`${p.path}\` looks \`${p.column}\` up in \`${p.table}\`, which has ${p.rows} rows, and the workflow before it makes ids up to ${p.largest}.`,
  help: `Train and export the model on this fit (its embedding needs ${p.needed} rows), or name the folder of the fit that it was trained on.`,
});

/** onnx/tensor-missing */
export const onnxTensorMissing = (p: { readonly path: string | number; readonly side: string | number; readonly tensor: string | number; readonly known: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "onnx/tensor-missing",
  message: `\`${p.path}\` has no ${p.side} \`${p.tensor}\`. It has ${p.known}.${p.suggestion}`,
  help: `Name a tensor of the graph.`,
  ...replacing(p.suggestion),
});

/** onnx/shape-unsupported */
export const onnxShapeUnsupported = (p: { readonly path: string | number; readonly tensor: string | number; readonly shape: string | number }): Message => ({
  code: "onnx/shape-unsupported",
  message: `\`${p.path}\`: tensor \`${p.tensor}\` has shape [${p.shape}]; a column can be [n], [n, 1] or [n, d].`,
  help: `Export the model with one of these shapes.`,
});

/** onnx/dtype-unsupported */
export const onnxDtypeUnsupported = (p: { readonly path: string | number; readonly side: string | number; readonly tensor: string | number; readonly dtype: string | number }): Message => ({
  code: "onnx/dtype-unsupported",
  message: `\`${p.path}\`: ${p.side} \`${p.tensor}\` is ${p.dtype}, which \`onnxruntime-node\` has no tensor for.`,
  help: `Export the model with a \`Cast\` at that ${p.side}, from or to float32 or float16. Inside, weights and layers may stay as they are.`,
});

/** onnx/no-tensor */
export const onnxNoTensor = (p: { readonly path: string | number; readonly side: string | number; readonly tensor: string | number; readonly kind: string | number }): Message => ({
  code: "onnx/no-tensor",
  message: `\`${p.path}\`: ${p.side} \`${p.tensor}\` is not a tensor but an ONNX ${p.kind}, which a column cannot hold.`,
  help: `Export the model with tensors. A classifier of scikit-learn: \`to_onnx(model, rows, options={"zipmap": False})\`.`,
});

/** onnx/data-missing */
export const onnxDataMissing = (p: { readonly path: string | number; readonly file: string | number }): Message => ({
  code: "onnx/data-missing",
  message: `The ONNX file \`${p.path}\` keeps weights in \`${p.file}\`, which is not beside it.`,
  help: `Put \`${p.file}\` into the model's folder, or save the model in one file (\`onnx.save(onnx.load("model.onnx"), "whole.onnx")\`).`,
});

/** A SQLite store is copied into the model as it is. */
export const feastNotMaterialized = (p: { readonly path: string | number; readonly what: string | number; readonly view: string | number }): Message => ({
  code: "feast/not-materialized",
  message: `The online store of \`${p.path}\` ${p.what}: every look-up of view \`${p.view}\` would find nothing.`,
  help: `Fill it with \`merlon feast materialize ${p.path}\`, or with Feast's own \`feast materialize\`.`,
});

/** Candidates are from the index, and their features from the view: both must have the same items. Ids are compared by the bytes of their keys, so that another type of the entity, or another `entity_key_serialization_version`, looks like this too. */
export const feastIdsUnknown = (p: { readonly unknown: string | number; readonly seen: string | number; readonly index: string | number; readonly have: string | number; readonly view: string | number; readonly path: string | number; readonly example: string | number; readonly positions: string | number; readonly way: string | number }): Message => ({
  code: "feast/ids-unknown",
  message: `${p.unknown} of ${p.seen} ids looked at in \`${p.index}\` ${p.have} in view \`${p.view}\` of \`${p.path}\` (${p.example}, for example, has none).${p.positions}`,
  help: `${p.way}`,
});

/** faiss/empty */
export const faissEmpty = (p: { readonly path: string | number }): Message => ({
  code: "faiss/empty",
  message: `\`${p.path}\` holds no vectors, so that no query finds a candidate.`,
  help: `Build it from your items: \`merlon index build --data embeddings.parquet --id item_id --embedding embedding --out ${p.path}\`.`,
});

/** feast/view-missing */
export const feastViewMissing = (p: { readonly path: string | number; readonly view: string | number; readonly views: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "feast/view-missing",
  message: `The Feast repository \`${p.path}\` has no feature view \`${p.view}\`. It has ${p.views}.${p.suggestion}`,
  help: `Name one of its views, or run \`feast apply\`.`,
  ...replacing(p.suggestion),
});

/** feast/feature-missing */
export const feastFeatureMissing = (p: { readonly view: string | number; readonly path: string | number; readonly feature: string | number; readonly known: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "feast/feature-missing",
  message: `View \`${p.view}\` of \`${p.path}\` has no feature \`${p.feature}\`. It has ${p.known}.${p.suggestion}`,
  help: `Name features of the view, or run \`feast apply\`.`,
  ...replacing(p.suggestion),
});

/** feast/keys-several */
export const feastKeysSeveral = (p: { readonly reader: string | number; readonly keys: string | number; readonly column: string | number; readonly first: string | number }): Message => ({
  code: "feast/keys-several",
  message: `${p.reader} looks up by ${p.keys}, and \`entityColumn\` names the one column \`${p.column}\`.`,
  help: `Write a record: \`entityColumn: { ${p.first}: "${p.column}", … }\`.`,
});

/** feast/which-view */
export const feastWhichView = (p: { readonly views: string | number }): Message => ({
  code: "feast/which-view",
  message: `\`queryFeast\` takes a \`view\` or a \`service\`: one of them, and not both. The repository has the views ${p.views}.`,
  help: `Write \`{ view: "…" }\`, \`{ view: ["…", "…"] }\` or \`{ service: "…" }\`.`,
});

/** feast/service-missing */
export const feastServiceMissing = (p: { readonly path: string | number; readonly service: string | number; readonly services: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "feast/service-missing",
  message: `"${p.path}" has no feature service \`${p.service}\`; it has ${p.services}.${p.suggestion}`,
  help: `Name one of its services, or run \`feast apply\`.`,
  ...replacing(p.suggestion),
});

/** A null float reaches a model as NaN. Integers, texts and bools have no such value, so a null of them is an error of the request. The check follows features of `queryFeast` through operators that keep nulls, and through fitted workflows. A store can hold a null for a known entity, so `onMissing: "error"` does not rule nulls out. `onMissing: { age: { default: 0 } }` fills the feature `age` in `queryFeast`. Nulls that a function or a join makes are not found. */
export const schemaNullForModel = (p: { readonly column: string | number; readonly type: string | number; readonly reader: string | number; readonly node: string | number; readonly name: string | number; readonly value: string | number }): Message => ({
  code: "schema/null-for-model",
  message: `Column \`${p.column}\` (${p.type}) can be null, and \`${p.reader}\` reads it: a request with a null fails.`,
  help: `Fill it before the model: \`${p.node}[${p.name}] >> fillMissing(${p.value})\`.`,
});

/** feast/service-unsupported */
export const feastServiceUnsupported = (p: { readonly service: string | number; readonly view: string | number }): Message => ({
  code: "feast/service-unsupported",
  message: `Feature service \`${p.service}\` has the view \`${p.view}\`, which computes its features in Python. \`queryFeast\` does not.`,
  help: `Name the views with \`view: [...]\`, and the features with \`features: [...]\`.`,
});

/** feast/drop-no-candidates */
export const feastDropNoCandidates = (p: { readonly reader: string | number; readonly column: string | number }): Message => ({
  code: "feast/drop-no-candidates",
  message: `\`onMissing: "drop"\` of ${p.reader} leaves candidates out, and \`${p.column}\` has one key per request row.`,
  help: `Use \`"null"\` or a default here, and \`"drop"\` where the keys are candidates.`,
});

/** feast/value-unsupported */
export const feastValueUnsupported = (p: { readonly feature: string | number; readonly view: string | number; readonly type: string | number }): Message => ({
  code: "feast/value-unsupported",
  message: `Feature \`${p.feature}\` of view \`${p.view}\` has Feast type number ${p.type}, which is newer than this compiler supports.`,
  help: `Leave it out with \`features: [...]\`.`,
});

/** faiss/parameter */
export const faissParameter = (p: { readonly path: string | number; readonly fault: string | number }): Message => ({
  code: "faiss/parameter",
  message: `\`${p.path}\` ${p.fault}.`,
  help: `Leave the parameter out, or build the index for it.`,
});

/** faiss/where */
export const faissWhere = (p: { readonly path: string | number; readonly fault: string | number; readonly way: string | number }): Message => ({
  code: "faiss/where",
  message: `\`where\` of \`queryFaiss("${p.path}")\` ${p.fault}.`,
  help: `${p.way}`,
});

/** faiss/dimension-mismatch */
export const faissDimensionMismatch = (p: { readonly path: string | number; readonly wanted: string | number; readonly column: string | number; readonly seen: string | number }): Message => ({
  code: "faiss/dimension-mismatch",
  message: `\`${p.path}\` holds vectors of ${p.wanted} values, but \`${p.column}\` has ${p.seen}.`,
  help: `Build the index from the embeddings of the same model.`,
});

/** The model's file says how it was trained (`merlon.similarity`). Items of one length have the same order by all three. */
export const faissOtherMetric = (p: { readonly path: string | number; readonly metric: string | number; readonly column: string | number; readonly trained: string | number; readonly option: string | number }): Message => ({
  code: "faiss/other-metric",
  message: `\`${p.path}\` compares vectors by ${p.metric}, and \`${p.column}\` was trained for ${p.trained}: the nearest of the one need not be the nearest of the other.`,
  help: `Build the index for it: \`merlon index build --metric ${p.option} ...\`.`,
});

/** `merlon stamp --index` keeps some items and their vectors in the model's file (`merlon.index`). An index that is built again from the same item tower has the same vectors. */
export const faissOtherTower = (p: { readonly path: string | number; readonly tower: string | number; readonly items: string | number; readonly cosine: string | number }): Message => ({
  code: "faiss/other-tower",
  message: `The vectors of \`${p.path}\` do not belong to \`${p.tower}\`: for ${p.items} items that the model's file names, they point elsewhere (median cosine ${p.cosine}).`,
  help: `Build the index from the vectors that were trained together with \`${p.tower}\`. If it was, stamp the model again: \`merlon stamp ${p.tower} --index ${p.path}\`.`,
});

/** `--target triton` writes ONNX graphs alone. A step that no graph can mean the same as is refused, never approximated in silence. */
export const tritonNotLowered = (p: { readonly reason: string | number; readonly way: string | number }): Message => ({
  code: "triton/not-lowered",
  message: `${p.reason}.`,
  help: `${p.way}`,
});

/** workflow/stage-operator */
export const workflowStageOperator = (p: { readonly operator: string | number }): Message => ({
  code: "workflow/stage-operator",
  message: `\`${p.operator}\` is a stage of serving and is not allowed in a workflow.`,
  help: `Use it in a \`*.ensemble.ts\`, and the workflow there with \`>> transformWorkflow("path/of/the/fitted/workflow")\`.`,
});

/** workflow/different-rows */
export const workflowDifferentRows = (p: { readonly left: string | number; readonly right: string | number }): Message => ({
  code: "workflow/different-rows",
  message: `\`${p.left}\` and \`${p.right}\` of this workflow have different rows, because a \`filter\` precedes one of them.`,
  help: `Put the filter before both: \`const kept = events >> filter(...)\`, and start from \`kept\`.`,
});

/** The plan of the edited program is another; a comment or a new line break is not noticed. */
export const workflowEdited = (p: { readonly file: string | number; readonly path: string | number }): Message => ({
  code: "workflow/edited",
  message: `\`${p.file}\` was edited since \`${p.path}\` was fitted: the ensemble still serves the features of before.`,
  help: `Fit it again: \`merlon fit ${p.file} --data DATA --out FOLDER\`. Models that were trained on the fit need new training data, too.`,
});

/** workflow/filtered */
export const workflowFiltered = (p: { readonly path: string | number; readonly step: string | number }): Message => ({
  code: "workflow/filtered",
  message: `\`${p.path}\` filters rows (${p.step}), and an ensemble returns one row for each row of the request.`,
  help: `Say that its rows are those to answer: \`transformWorkflow("${p.path}", { changesRows: true })\`. Or take a part that keeps them: \`{ subgraph: "..." }\`, or, if the condition reads a label, \`{ removeInputs: ["..."] }\`.`,
});

/** Merlin fills the shorter columns with NaN, and its rows then pair values that do not belong together. */
export const workflowGroupsMixed = (p: { readonly group: string | number; readonly path: string | number; readonly other: string | number; readonly rows: string | number; readonly way: string | number }): Message => ({
  code: "workflow/groups-mixed",
  message: `\`${p.group}\` has a value for each group that \`${p.path}\` makes, and \`${p.other}\` has one for each ${p.rows}. A response with both would pair unrelated values.`,
  help: `${p.way}`,
});

/** workflow/subgraph-missing */
export const workflowSubgraphMissing = (p: { readonly path: string | number; readonly name: string | number; readonly known: string | number; readonly suggestion: string | Suggestion }): Message => ({
  code: "workflow/subgraph-missing",
  message: `\`${p.path}\` has no subgraph \`${p.name}\`. It has ${p.known}.${p.suggestion}`,
  help: `Name a part with \`subgraph("${p.name}", node)\` in the workflow, and fit it again.`,
  ...replacing(p.suggestion),
});

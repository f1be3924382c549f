/**
 * Faults of a program as a whole: its exports, its name and options, and its output node.
 */
import { basename } from "node:path";
import { REQUEST_ROWS } from "../contract/schema.js";
import { groupsRows } from "../contract/step-facts.js";
import type { Scope } from "../operators/shared/author/bound.js";
import { fileForm } from "./1-rewrite/file-form.js";
import type { ProgramSources } from "./2-check/sources.js";
import type { Evaluated, GraphDocument } from "./3-graph/document.js";
import type { InferredGraph } from "./3-graph/infer.js";
import { authorTree, exported, rangeOf } from "./author-tree.js";
import { type DiagnosticSite, diagnosticAt, didYouMean, type Finding, type Message } from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";
import { literal, siteRange } from "./place-faults.js";

const KINDS = { ensemble: "an ensemble", workflow: "a workflow" } as const;
const EXAMPLES = { ensemble: 'ensemble("recommend", ordering)', workflow: 'workflow("ranking", features)' } as const;

/** The expression behind `export default`, or the file's first character. */
export function exportSite(sources: ProgramSources): DiagnosticSite {
  const file = sources.entry;
  const tree = authorTree(sources, file, sources.texts.get(file) ?? "");
  const value = exported(tree);
  return { file, ...(value ? rangeOf(tree, value) : { start: 0, end: 1 }) };
}

/** The operator that a step was made of; what the file exports for no step of the program. */
export function stepSite(sources: ProgramSources, { steps }: InferredGraph, id: string | undefined): DiagnosticSite {
  const site = steps.find(step => step.id === id)?.site;
  return site === undefined ? exportSite(sources) : siteRange(sources, site, "right");
}

/** @param evaluated what running the file gave */
export function exportFaults(
  sources: ProgramSources,
  evaluated: Extract<Evaluated, { readonly programs: readonly string[] }>,
): Finding[] {
  const file = basename(sources.entry);
  const promised = fileForm(file)?.kind;
  const site = exportSite(sources);
  const fault = (message: Message) => [diagnosticAt(site, message)];
  const { programs } = evaluated;
  if (programs.length > 1)
    return fault(messages.graphExportSeveral({ programs: programs.map(name => `\`${name}\``).join(", ") }));
  if (evaluated.kind === "graph") {
    const { graph } = evaluated;
    if (promised === undefined || graph.kind === promised) return [];
    return fault(
      messages.graphExportKind({
        file,
        seen: KINDS[graph.kind],
        expected: KINDS[promised],
        way: `Rename the file to \`${file.replace(`.${promised}.ts`, `.${graph.kind}.ts`)}\`, or write \`${promised}(...)\`.`,
      }),
    );
  }
  const kind = promised ?? "ensemble";
  const { seen } = evaluated;
  if (evaluated.arguments) {
    const made = seen === "an ensemble" ? "ensemble" : "workflow";
    const call = `${made}("${made === "ensemble" ? "recommend" : "ranking"}"`;
    const way = evaluated.arguments.startsWith("a list of nodes")
      ? `Put the nodes side by side: \`${call}, first + second)\`.`
      : `Write \`${call}, node)\`.`;
    return fault(messages.graphProgramOutput({ program: made, seen: evaluated.arguments, way }));
  }
  const [named] = programs;
  const way = named
    ? `\`${named}\` is one: end the file with \`export default ${named}\`.`
    : seen.includes("function")
      ? `Export what it returns, without the function around it: \`export default ${EXAMPLES[kind]}\`.`
      : seen === "a node"
        ? `Name it: \`export default ${kind}("${kind === "ensemble" ? "recommend" : "ranking"}", node)\`.`
        : `End the file with \`export default ${EXAMPLES[kind]}\`.`;
  return fault(
    messages.graphExportMissing({
      file,
      expected: promised ?? "ensemble or workflow",
      seen: seen === "undefined" ? "missing" : seen.startsWith("the function") ? "a function" : seen,
      way,
    }),
  );
}

/** Nodes that another program's file made. */
export function foreignNodes(sources: ProgramSources, graph: GraphDocument): Finding[] {
  const files = new Set<string>();
  for (const { site } of graph.nodes) {
    const file = site === undefined ? undefined : sources.sites[site]?.file;
    if (file !== undefined && file !== sources.entry) files.add(file);
  }
  const text = sources.texts.get(sources.entry) ?? "";
  return [...files]
    .filter(file => exported(authorTree(sources, file, sources.texts.get(file) ?? "")))
    .map(file => {
      const name = basename(file);
      const from = [name, name.replace(/\.ts$/, ".js"), name.replace(/\.ts$/, "")]
        .map(spelled => literal(text, { start: 0, end: text.length }, `./${spelled}`))
        .find(found => found !== undefined);
      return diagnosticAt(
        { file: sources.entry, ...(from ?? { start: 0, end: 1 }) },
        messages.graphForeignNode({ file: name }),
      );
    });
}

/** Name, options and columns of the program. */
export function programFaults(
  sources: ProgramSources,
  graph: GraphDocument,
  inferred: InferredGraph,
  settings: readonly string[],
): Finding[] {
  const site = exportSite(sources);
  const text = sources.texts.get(site.file) ?? "";
  const at = (value: string): DiagnosticSite => ({ file: site.file, ...(literal(text, site, value) ?? site) });
  const problems: [string, DiagnosticSite][] = [];
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(graph.name))
    problems.push([
      `the name ${JSON.stringify(graph.name)} must be letters, digits, \`_\`, \`-\` and \`.\`: it becomes a folder and a Triton model`,
      at(graph.name),
    ]);
  if (inferred.output && inferred.output.length === 0 && !inferred.faults.some(({ severity }) => severity === "error"))
    problems.push(["the output node has no columns", site]);
  for (const problem of settings) problems.push([problem, site]);
  const inputs = inferred.inputs.map(c => c.name);
  const { removeInputs } = graph.options;
  for (const name of Array.isArray(removeInputs) ? (removeInputs as readonly string[]) : [])
    if (!inputs.includes(name))
      problems.push([
        `\`removeInputs\` names \`${name}\`, which no \`source\` declares.${didYouMean(name, inputs)}`,
        at(name),
      ]);
  return [
    ...problems.map(([problem, place]) => programFault(graph, problem, place)),
    ...differentRows(sources, graph, inferred, site),
    ...mixedGroups(sources, graph, inferred, site),
  ];
}

export const programFault = ({ kind }: Pick<GraphDocument, "kind">, problem: string, site: DiagnosticSite): Finding =>
  diagnosticAt(
    site,
    messages.graphParameter({
      operator: kind,
      problem: /[.?]$/.test(problem) ? problem : `${problem}.`,
      way: `Change the arguments of \`${kind}(...)\`.`,
    }),
  );

/** A workflow's columns make one table. */
function differentRows(
  sources: ProgramSources,
  graph: GraphDocument,
  { output = [] }: InferredGraph,
  site: DiagnosticSite,
): Finding[] {
  const [first, ...others] = graph.kind === "workflow" ? output : [];
  const other = others.find(b => b.column.rows !== first!.column.rows);
  if (!first || !other) return [];
  const related = originsOf(sources, [first, other]);
  return [
    diagnosticAt(site, messages.workflowDifferentRows({ left: first.column.name, right: other.column.name }), related),
  ];
}

const originsOf = (sources: ProgramSources, columns: Scope) =>
  columns.flatMap(({ column, site }) =>
    site === undefined ? [] : [{ note: `\`${column.name}\` comes from here`, site: siteRange(sources, site, "whole") }],
  );

/** Groups of a workflow's rows are answered alone: no row of the request, and no candidate, is of one of them. */
function mixedGroups(
  sources: ProgramSources,
  graph: GraphDocument,
  { output = [], steps }: InferredGraph,
  site: DiagnosticSite,
): Finding[] {
  if (graph.kind !== "ensemble") return [];
  const pathOf = (rows: string): string | undefined => {
    const made = steps.find(({ id }) => id === rows);
    return made && groupsRows(made) && "path" in made.params ? made.params.path : undefined;
  };
  const group = output.find(({ column }) => pathOf(column.rows) !== undefined);
  const other = group && output.find(({ column }) => column.rows !== group.column.rows);
  if (!other) return [];
  const { name, rows } = other.column;
  const ofRequest = rows === REQUEST_ROWS;
  const related = originsOf(sources, [group, other]);
  const message = messages.workflowGroupsMixed({
    group: group.column.name,
    path: pathOf(group.column.rows)!,
    other: name,
    rows: ofRequest
      ? "row of the request"
      : pathOf(rows) === undefined
        ? `candidate of \`${rows}\``
        : `group of \`${rows}\``,
    way: ofRequest
      ? `Leave \`${name}\` out, or make it a value of the group in the workflow: \`groupby(..., { ${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)}: "first" })\`.`
      : "Leave one of them out, or answer it by an ensemble of its own. To join columns of groups to candidates of the groups, write `>> unrollFeatures(...)`.",
  });
  return [diagnosticAt(site, message, related)];
}

/**
 * DSL value → graph document: numbers the nodes reachable from the output, each once, inputs first.
 */
import * as messages from "../diagnostics/messages.js";
import { describeValue, recordFault } from "../dsl/faults.js";
import { type AnyNode, type AnyOp, isNode } from "../dsl/node.js";
import type { Program } from "../dsl/program.js";
import type { GraphDependency, GraphDocument, GraphLog, GraphNode } from "./document.js";

export function serialise(program: Program): GraphDocument {
  const nodes: GraphNode[] = [];
  const ids = new Map<AnyNode, number>();

  const dependency = (value: unknown): GraphDependency =>
    isNode(value) ? { node: visit(value) } : { seen: describeValue(value) };

  const visit = (node: AnyNode): number => {
    const known = ids.get(node);
    if (known !== undefined) return known;
    const made = convert(node);
    const id = nodes.push(made) - 1;
    ids.set(node, id);
    return id;
  };

  const convert = ({ data, site }: AnyNode): GraphNode => {
    switch (data.kind) {
      case "source":
        return sourceNode(data.columns, site);
      case "schema": {
        const path = plainParams("source.fromSchema", { path: data.path }, site);
        return path ? { kind: "schema", path: data.path, site } : { kind: "unknown", site };
      }
      case "subgraph": {
        const name = plainParams("subgraph", { name: data.name }, site);
        return name ? { kind: "subgraph", name: data.name, input: visit(data.input), site } : { kind: "unknown", site };
      }
      case "apply":
        return stepNode(data.op, visit(data.input), dependency, site);
      case "plus":
        return {
          kind: "plus",
          left: visit(data.left),
          right: visit(data.right),
          ...(data.wins && { wins: data.wins }),
          site,
        };
      case "minus":
        return {
          kind: "minus",
          left: visit(data.left),
          right: isNode(data.right) ? visit(data.right) : [...data.right],
          site,
        };
      case "pick":
        return { kind: "pick", input: visit(data.input), names: [...data.names], site };
      case "unknown":
        return { kind: "unknown", site };
      default:
        return data satisfies never;
    }
  };

  const output = visit(program.output);
  const { log, ...rest } = program.options as Readonly<Record<string, unknown>>;
  const options = plainOptions(program.kind, rest);
  return {
    kind: program.kind,
    name: program.name,
    options,
    ...(log !== undefined && { log: logOf(program.kind, log, dependency) }),
    nodes,
    output,
  };
}

function stepNode(
  { op, params: given, cache: kept, dependencies: of }: AnyOp,
  input: number,
  dependency: (value: unknown) => GraphDependency,
  site: number | undefined,
): GraphNode {
  const dependencies = Object.fromEntries(Object.entries(of).map(([port, value]) => [port, dependency(value)]));
  const params = plainParams(op, given, site);
  const cache = kept === undefined ? undefined : plainParams("cached", kept, site);
  if (!params || (kept !== undefined && !cache)) return { kind: "unknown", site };
  return { kind: "apply", op, params: params.plain, ...(cache && { cache: cache.plain }), input, dependencies, site };
}

/** Untyped code may pass any value, including a function, which cannot be sent from this thread. */
function sourceNode(given: unknown, site: number | undefined): GraphNode {
  if (typeof given === "function") {
    recordFault(messages.graphSourceColumns({ seen: describeValue(given) }), site, "right");
    return { kind: "unknown", site };
  }
  const columns = plainParams("source", given, site);
  if (!columns) return { kind: "unknown", site };
  return { kind: "source", columns: columns.plain as Extract<GraphNode, { kind: "source" }>["columns"], site };
}

/** @throws Error naming the option that can't leave the file */
function plainOptions(kind: Program["kind"], options: GraphDocument["options"]): GraphDocument["options"] {
  const check = (value: unknown, path: string): void => {
    if (typeof value === "function" || typeof value === "symbol" || isNode(value))
      throw new Error(
        `the option \`${path}\` of \`${kind}(...)\` is ${describeValue(value)}; options are numbers, texts, booleans, lists and records of these`,
      );
    if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value))
        check(inner, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
  };
  for (const [key, value] of Object.entries(options)) check(value, key);
  return { ...options };
}

/** The nodes of a log become numbers, and the rest is plain. @throws Error as `plainOptions` */
function logOf(kind: Program["kind"], log: unknown, dependency: (value: unknown) => GraphDependency): GraphLog {
  if (typeof log !== "object" || log === null || Array.isArray(log)) return { columns: [], options: { log } };
  const { columns = [], ...rest } = log as Readonly<Record<string, unknown>>;
  plainOptions(kind, { log: rest });
  // A node in the place of a list is a list of one.
  const nodes: readonly unknown[] = Array.isArray(columns) ? [...columns] : [columns];
  return { columns: nodes.map(dependency), options: { ...rest } };
}

/** Parameters as plain data; undefined where a plan cannot hold them, which is reported. */
function plainParams(op: string, params: unknown, site: number | undefined): { readonly plain: unknown } | undefined {
  const inside: unknown[] = [];
  let faults = 0;
  const plain = (value: unknown, path: readonly string[]): unknown => {
    if (value === null || ["undefined", "string", "number", "boolean"].includes(typeof value)) return value;
    // A function's constants become literals of its expression, which has integers of 64 bits.
    if (typeof value === "bigint" && path[0] === "lambda" && path[1] === "captured") return value;
    const isData =
      typeof value === "object" && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);
    if (isData && !inside.includes(value)) {
      inside.push(value);
      const copy = Array.isArray(value)
        ? value.map((item, i) => plain(item, [...path, String(i)]))
        : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, [...path, key])]));
      inside.pop();
      return copy;
    }
    const option = path.join(".") || "the option";
    const seen = isData ? "a list or record that holds itself" : describeValue(value);
    faults++;
    recordFault(messages.optionNotData({ operator: op, option, seen }), site, "right");
    return undefined;
  };
  const copy = plain(params, []);
  return faults > 0 ? undefined : { plain: copy };
}

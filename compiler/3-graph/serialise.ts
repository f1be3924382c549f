/**
 * DSL value → graph document: numbers the nodes reachable from the output, each once, inputs first.
 */
import { describeValue } from "../dsl/faults.js";
import { type AnyNode, isNode } from "../dsl/node.js";
import type { Program } from "../dsl/program.js";
import type { GraphDependency, GraphDocument, GraphNode } from "./document.js";

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
        return { kind: "source", columns: { ...data.columns }, site };
      case "schema":
        return { kind: "schema", path: data.path, site };
      case "subgraph":
        return { kind: "subgraph", name: data.name, input: visit(data.input), site };
      case "apply": {
        const input = visit(data.input);
        const dependencies = Object.fromEntries(
          Object.entries(data.op.dependencies).map(([port, value]) => [port, dependency(value)]),
        );
        return { kind: "apply", op: data.op.op, params: data.op.params, input, dependencies, site };
      }
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
  return { kind: program.kind, name: program.name, options: plainOptions(program), nodes, output };
}

/** @throws Error naming the option that can't leave the file */
function plainOptions({ kind, options }: Program): GraphDocument["options"] {
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

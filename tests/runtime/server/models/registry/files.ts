/** The models on disk: leaves, ensembles, and a plan with the models that it calls, each written anew with a number of its own. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { printPlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import type { Leaf } from "./commands.js";

const tensors =
  'input { name: "x" data_type: TYPE_FP32 dims: [ 1 ] }\noutput { name: "y" data_type: TYPE_FP32 dims: [ 1 ] }\n';
const parameter = (key: string, value: string): string =>
  `parameters { key: "${key}" value { string_value: "${value}" } }\n`;
const PLAN = printPlan({
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name: "plan",
  inputs: [column("x", "float32")],
  steps: ["m", "n"].map(id => ({
    ...{ id, op: "predictOnnx" as const, label: id },
    params: { path: `${id}.onnx`, model: id, inputs: { x: "x" }, outputs: { [id]: "y" } },
    inputs: { input: [{ name: "x", step: "request", column: "x" }] },
    outputs: [column(id, "float32")],
  })),
  outputs: ["m", "n"].map(name => ({ ref: { name, step: name, column: name }, schema: column(name, "float32") })),
});

/** A model on disk: the number it was written with, and the content that decides whether it serves. */
export interface Written {
  readonly number: string;
  readonly leaf?: Leaf;
  readonly members?: readonly string[];
}

export interface ModelFiles {
  readonly present: ReadonlyMap<string, Written>;
  leaf(name: string, leaf: Leaf): void;
  ensemble(name: string, members: readonly string[]): void;
  /** The plan and its models, of one number. */
  build(slow: boolean): void;
  remove(name: string): void;
}

export function modelFiles(root: string): ModelFiles {
  const present = new Map<string, Written>();
  let count = 0;
  const write = (
    name: string,
    config: string,
    versions: readonly number[],
    files: Readonly<Record<string, string>> = {},
  ) => {
    rmSync(join(root, name), { recursive: true, force: true });
    const entries = { "config.pbtxt": `name: "${name}"\n${config}`, ...files };
    for (const version of versions) Object.assign(entries, { [`${version}/.keep`]: "" });
    for (const [path, content] of Object.entries(entries)) {
      mkdirSync(dirname(join(root, name, path)), { recursive: true });
      writeFileSync(join(root, name, path), content);
    }
  };
  const writeLeaf = (name: string, number: string, leaf: Leaf, backend = "javascript", files = {}): void => {
    const flags = `${leaf.slow ? parameter("slow", "1") : ""}${leaf.fails ? parameter("fails", "1") : ""}`;
    const policy = "version_policy { all {} }\ninstance_group { count: 1 kind: KIND_CPU }\n";
    write(
      name,
      `backend: "${backend}"\n${tensors}${policy}${parameter("number", number)}${flags}`,
      leaf.versions,
      files,
    );
    present.set(name, { number, leaf });
  };
  return {
    present,
    leaf: (name, leaf) => writeLeaf(name, String(++count), leaf),
    ensemble(name, members) {
      const tensorOf = (i: number): string => (i === 0 ? "x" : i === members.length ? "y" : `t${i}`);
      const steps = members.map(
        (member, i) =>
          `step { model_name: "${member}" model_version: -1 input_map { key: "x" value: "${tensorOf(i)}" } output_map { key: "y" value: "${tensorOf(i + 1)}" } }`,
      );
      const number = String(++count);
      const config = `platform: "ensemble"\n${tensors}${parameter("number", number)}ensemble_scheduling { ${steps.join("\n")} }`;
      write(name, config, [1]);
      present.set(name, { number, members });
    },
    build(slow) {
      const number = String(++count);
      for (const name of ["m", "n"]) writeLeaf(name, number, { versions: [1], slow, fails: false });
      writeLeaf("plan", number, { versions: [1], slow, fails: false }, "merlon", { "1/plan.json": PLAN });
    },
    remove(name) {
      rmSync(join(root, name), { recursive: true, force: true });
      present.delete(name);
    },
  };
}

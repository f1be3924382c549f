/**
 * Names of the models and files that a program's repository has: files of one name in different folders (`a/model.onnx`, `b/model.onnx`) stay two.
 */
import { createHash } from "node:crypto";
import { artefactName } from "./artefact-name.js";

/** Paths are as the author wrote them, `from` is where they lead. */
export interface UniqueNames {
  /** Model of an ONNX file, or of the bytes that were made of a file: `model`, `b_model` where that is taken, `model_2` at last. */
  model(path: string, from: string, bytes?: Uint8Array): string;
  /** File or folder beside the plan. */
  artefact(path: string, from: string): string;
}

/** For one program: the same file always has the same name, another one another. */
export function uniqueNames(): UniqueNames {
  const models = new Map<string, string>();
  const artefacts = new Map<string, string>();
  return {
    model(path, from, bytes) {
      const parts = path
        .replace(/\.[A-Za-z]+$/, "")
        .split(/[\\/]+/)
        .filter(part => part !== "" && part !== "." && part !== "..")
        .map(part => part.replace(/[^\w-]/g, "_"));
      const owner = bytes ? `${from} ${createHash("sha256").update(bytes).digest("hex")}` : from;
      return settle(models, owner, [parts.at(-1)!, parts.slice(-2).join("_")], (name, n) => `${name}_${n}`);
    },
    artefact: (path, from) => settle(artefacts, from, [artefactName(path)], (name, n) => `${n}-${name}`),
  };
}

/** The first name that is free or the owner's, which it is from then on. */
function settle(
  owners: Map<string, string>,
  owner: string,
  names: readonly string[],
  numbered: (name: string, n: number) => string,
): string {
  const isFree = (name: string): boolean => (owners.get(name) ?? owner) === owner;
  let name = names.find(isFree);
  for (let n = 2; name === undefined; n++) {
    const next = numbered(names[0]!, n);
    if (isFree(next)) name = next;
  }
  owners.set(name, owner);
  return name;
}

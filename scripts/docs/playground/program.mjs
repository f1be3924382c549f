// The worker that a program runs in: links the program's modules, runs them, and posts the graph.
import { init, parse } from "es-module-lexer";
import { programModule } from "../../../dist/compiler/3-graph/program-modules.js";
import { runProgram } from "../../../dist/compiler/3-graph/run-program.js";

const DSL = new URL("dsl.js", import.meta.url).href;

/** The program's modules as blobs, each with its imports replaced by the blobs they name. */
function link(modules) {
  const blobs = new Map();
  const linking = new Set();
  const urlOf = (specifier, parent) => {
    if (specifier === "merlon") return DSL;
    const found = programModule(modules, specifier, parent);
    if (found === undefined)
      throw new Error(
        `Cannot find module '${specifier}': the playground has the program's own files and \`merlon\` alone`,
      );
    return blobOf(found);
  };
  const blobOf = url => {
    if (blobs.has(url)) return blobs.get(url);
    if (linking.has(url))
      throw new Error(`${url} imports itself by way of other files, which the playground does not support`);
    linking.add(url);
    const code = modules.get(url);
    let text = "";
    let at = 0;
    for (const { type, specifier, start, end } of parse(code)[0]) {
      // An `import()` of a computed name is left alone: it finds nothing.
      if (specifier === undefined || specifier === null) continue;
      const target = urlOf(specifier, url);
      text += code.slice(at, start) + (type === "dynamic" ? JSON.stringify(target) : target);
      at = end;
    }
    const blob = URL.createObjectURL(new Blob([text + code.slice(at)], { type: "text/javascript" }));
    blobs.set(url, blob);
    return blob;
  };
  return { blobOf, blobs };
}

self.onmessage = async ({ data: { entry, modules } }) => {
  await init;
  const linked = link.bind(undefined, modules);
  let blobs = new Map();
  const evaluated = await runProgram(() => {
    const made = linked();
    blobs = made.blobs;
    return import(/* @vite-ignore */ made.blobOf(entry));
  });
  // Frames name the blobs; the compiler reports files.
  if (evaluated.stack) for (const [url, blob] of blobs) evaluated.stack = evaluated.stack.replaceAll(blob, url);
  self.postMessage(evaluated);
};

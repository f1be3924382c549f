// The page: an editor, and the results of the compiler.
import { javascript } from "@codemirror/lang-javascript";
import { forceLinting, linter, lintGutter } from "@codemirror/lint";
import { EditorView } from "@codemirror/view";
import { basicSetup } from "codemirror";
import { compiler } from "./compiler-start.mjs";
import { readLink, writeLink } from "./link.mjs";
import { showFiles, showMessages, showPage, showProblem, showTabs } from "./results.mjs";

/** Milliseconds of rest before a text is compiled. */
const REST = 400;
const START = "ensemble-four-stages/main.ensemble.ts";

const byId = id => document.getElementById(id);
const state = text => (byId("state").textContent = text);
const { files, programs } = await (await fetch("examples.json")).json();
const exampleText = name => new TextDecoder().decode(Uint8Array.from(atob(files[name]), char => char.charCodeAt(0)));

let file = START;
/** The folder whose files the list of files has. */
let listed = "";
const view = new EditorView({
  parent: byId("editor"),
  extensions: [
    basicSetup,
    EditorView.lineWrapping,
    javascript({ typescript: true }),
    lintGutter(),
    linter(compileText, { delay: REST }),
    EditorView.contentAttributes.of({ "aria-label": "Program" }),
  ],
});

function open(name, text) {
  file = name;
  byId("example").value = programs.includes(name) ? name : "";
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  forceLinting(view);
}

/** CodeMirror calls it when the text has rested. @returns the diagnostics of the text */
async function compileText({ state: { doc } }) {
  state("Compiling");
  const began = performance.now();
  const compiled = await compiler
    .call("compile", { file, text: doc.toString() })
    .catch(error => ({ error: error.message }));
  // A newer text is being compiled.
  if (compiled.stale) return [];
  if (compiled.error !== undefined) {
    showProblem(compiled.error);
    state("The compiler failed");
    return [];
  }
  const shown = showResults(compiled);
  const count = compiled.diagnostics.filter(({ severity }) => severity === "error").length;
  state(
    compiled.ok
      ? `Compiled in ${Math.round(performance.now() - began)} ms`
      : `${count} ${count === 1 ? "error" : "errors"}`,
  );
  await shown.catch(error => showProblem(error.message));
  if (folderOf(file) !== listed) await showProject();
  return compiled.diagnostics
    .filter(({ start }) => start !== undefined)
    .map(({ start, end, severity, message, help }) => ({
      from: Math.min(start, doc.length),
      to: Math.min(Math.max(end, start + 1), doc.length),
      severity,
      message: `${message}\n${help}`,
    }));
}

function showResults({ ok, diagnostics }) {
  showMessages(byId("messages"), diagnostics, ok, ({ start }) => {
    view.dispatch({ selection: { anchor: start }, scrollIntoView: true });
    view.focus();
  });
  for (const name of Object.keys(panels)) outdated.add(name);
  return fillShown();
}

/** Panels that are filled when they are shown. A graph that is drawn while it is hidden has no size to fit into, and a build takes time. */
const panels = {
  graph: async panel => showPage(panel, await compiler.call("graph")),
  async repository(panel) {
    const { files: written, refused } = await compiler.call("repository");
    showFiles(panel, written, refused);
  },
  async plan(panel) {
    const text = await compiler.call("plan");
    showFiles(panel, text ? [{ path: "plan.json", text, bytes: text.length }] : [], "No plan: the program has errors.");
  },
};
/** Names of the panels that show an earlier program. */
const outdated = new Set(Object.keys(panels));

async function fillShown() {
  const name = Object.keys(panels).find(one => !byId(one).hidden);
  if (name && outdated.delete(name)) await panels[name](byId(name));
}

const folderOf = path => path.split("/")[0];

/** Lists the files of the project. A program's folder is loaded when the program is compiled. */
async function showProject() {
  listed = folderOf(file);
  showFiles(byId("project"), await compiler.call("list"), "");
}

for (const name of programs)
  byId("example").append(new Option(name.replace(/\/main\.(?:ensemble|workflow)\.ts$/, ""), name));
byId("example").onchange = ({ target }) => open(target.value, exampleText(target.value));
byId("share").onclick = async () => {
  location.hash = writeLink({ file, text: view.state.doc.toString() });
  await navigator.clipboard?.writeText(location.href).catch(() => {});
  state("The link is in the address bar");
};
byId("add").onclick = () => byId("files").click();
byId("files").onchange = async ({ target }) => {
  for (const one of target.files)
    await compiler.call("add", { file: `${folderOf(file)}/${one.name}`, bytes: await one.arrayBuffer() });
  target.value = "";
  await showProject();
  forceLinting(view);
};
showTabs(document.querySelector("[role=tablist]"), () => fillShown().catch(error => showProblem(error.message)));
/** @returns file and text of the address; undefined if it has no program */
function linkedProgram() {
  const linked = readLink(location.hash);
  if (linked === undefined || linked.text !== undefined) return linked;
  return programs.includes(linked.file) ? { file: linked.file, text: exampleText(linked.file) } : undefined;
}
window.onhashchange = () => {
  const linked = linkedProgram();
  if (linked && linked.text !== view.state.doc.toString()) open(linked.file, linked.text);
};
const first = linkedProgram() ?? { file: START, text: exampleText(START) };
open(first.file, first.text);

// The worker that holds the compiler and the files of the project. Messages: { id, call, argument } → { id, value } or { id, error }.
import "./node/globals.mjs";
import { build, compile, explainCompiled } from "../../../dist/compiler/index.js";
import { loadSqlite } from "./node/better-sqlite3.mjs";
import { vol } from "./node/fs.mjs";

const PROJECT = "/project";
const OUT = "/out";
const TEXT = /\.(?:pbtxt|json|md|yaml|txt|ts|merlon)$/;

const asset = name => new URL(name, import.meta.url).href;
async function fetchJson(name) {
  const response = await fetch(asset(name));
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.json();
}
function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function write(path, content) {
  vol.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  vol.writeFileSync(path, content);
}

/** Folders of the project with files of their own, and the promise of those that were needed. */
const FOLDERS = { shop: undefined, seen: undefined };

function writeFiles(files) {
  for (const [path, content] of Object.entries(files)) write(`${PROJECT}/${path}`, fromBase64(content));
}

/** Loads the files that programs in the folder of `file` read. */
async function loadFolder(file) {
  const folder = file.slice(0, file.indexOf("/"));
  if (!Object.hasOwn(FOLDERS, folder)) return;
  FOLDERS[folder] ??= fetchJson(`files-${folder}.json`).then(writeFiles);
  await FOLDERS[folder];
}

const ready = Promise.all([
  fetchJson("files.json").then(files => vol.fromJSON(files, "/")),
  fetchJson("examples.json").then(({ files }) => writeFiles(files)),
  loadSqlite(asset("sql-wasm.wasm")),
]);

/** The last program without errors, and its path. */
let last;

/** The files of a folder; of those that are not text their sizes. */
function filesOf(folder, inside = "") {
  return vol
    .readdirSync(`${folder}/${inside}`)
    .sort()
    .flatMap(name => {
      const path = inside + name;
      if (vol.statSync(`${folder}/${path}`).isDirectory()) return filesOf(folder, `${path}/`);
      const bytes = vol.readFileSync(`${folder}/${path}`);
      return [{ path, bytes: bytes.length, ...(TEXT.test(name) && { text: new TextDecoder().decode(bytes) }) }];
    });
}

function repositoryOf(compiled) {
  try {
    build(compiled, OUT);
    return { files: filesOf(OUT) };
  } catch (error) {
    return { files: [], refused: error.message };
  } finally {
    vol.rmSync(OUT, { recursive: true, force: true });
  }
}

const calls = {
  /** @param argument `file`: path in the project; `text`: of it */
  async compile({ file, text }) {
    const path = `${PROJECT}/${file}`;
    await loadFolder(file);
    write(path, text);
    const compiled = await compile(path);
    const diagnostics = compiled.diagnostics.map(({ code, severity, message, help, line, column, site }) => ({
      ...{ code, severity, message, help, line, column },
      // In another file of the project it has no place in the editor.
      ...(site.file === path ? { start: site.start, end: site.end } : { file: site.file.slice(PROJECT.length + 1) }),
    }));
    last = compiled.ok ? { path, compiled } : undefined;
    return { ok: compiled.ok, diagnostics };
  },
  /** The explained graph of the last program, as a page; undefined if it has errors. */
  graph: () => last && explainCompiled(last.path, last.compiled, "html"),
  /** The plan of the last program as JSON; undefined if it has errors. */
  plan: () => last && JSON.stringify(last.compiled.served, null, 2),
  /** The model repository of the last program: `files`, or why it is `refused`. */
  repository() {
    if (!last) return { files: [], refused: "No repository: the program has errors." };
    if (last.compiled.graph.kind === "ensemble") return repositoryOf(last.compiled);
    return { files: [], refused: "A workflow becomes a repository after `merlon fit`." };
  },
  /** Adds a file to the project. @param argument `file`: path in the project; `bytes`: an ArrayBuffer */
  add({ file, bytes }) {
    write(`${PROJECT}/${file}`, new Uint8Array(bytes));
  },
  /** @returns the paths of the project's files */
  list: () => filesOf(PROJECT).map(({ path, bytes }) => ({ path, bytes })),
};

self.onmessage = async ({ data: { id, call, argument } }) => {
  try {
    await ready;
    self.postMessage({ id, value: await calls[call](argument) });
  } catch (error) {
    self.postMessage({ id, error: error.stack ?? String(error) });
  }
};

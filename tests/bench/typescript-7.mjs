// A trial of TypeScript 7 behind `compiler/checker`: whether its API answers `merlon check` as TypeScript 6 does, and its cost.
//
//   node tests/bench/typescript-7.mjs [--package FOLDER] [--runs N] [FILE...]
//
// FOLDER is an installed package, `npm install --prefix /tmp/ts typescript@VERSION` (default: the compiler that builds this tree). FILES default to
// the samples and the shop. Prints what the API lacks, what differs, and the times of the first FILE (default: the shop's), which imports none of its
// own. Run `npm run build` before.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { package: { type: "string" }, runs: { type: "string", default: "5" }, once: { type: "string" } },
});
const PACKAGE = resolve(values.package ?? join(ROOT, "node_modules/@typescript/native"));
const TIMED = resolve(positionals[0] ?? join(ROOT, "examples/shop/recommend.ensemble.ts"));
const DSL = join(ROOT, "dist/compiler/dsl/index.d.ts");
const OPTIONS = {
  target: "es2022",
  lib: ["es2022"],
  module: "nodenext",
  moduleResolution: "nodenext",
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  types: [],
  paths: { merlon: [DSL] },
};

const dist = path => import(pathToFileURL(join(ROOT, "dist/compiler", path)).href);

/** A program as the checker reads it: rewritten, with the types of its artefacts. */
async function readProgram(file) {
  const [{ loadSources }, { addEnvironment }, { artefactReader }] = await Promise.all([
    dist("2-check/sources.js"),
    dist("typegen/program-entries.js"),
    dist("3-graph/artefacts.js"),
  ]);
  const sources = loadSources(file);
  const files = new Map();
  const { project } = sources;
  const write = (path, text) => {
    files.set(path, text);
    project.write(path, text);
  };
  if (sources.findings.length === 0)
    addEnvironment({ ...sources, project: { ...project, write } }, artefactReader(dirname(file)));
  for (const [path, text] of project.texts()) files.set(path, text);
  return { file, files, checked: sources.findings.length === 0 ? [...sources.spans.keys()] : [], project };
}

/** TypeScript 7's answers to the questions of `compiler/checker/checker.ts`. 7.0 takes a configuration file, 7.1 programs of a request. */
async function typescript7() {
  const { exports, version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  const load = name => import(pathToFileURL(join(PACKAGE, exports[`./unstable/${name}`] ?? exports[`./${name}`])).href);
  const [sync, ast, fs] = await Promise.all([load("sync"), load("ast"), load("fs")]);
  const virtual = new Map();
  const isNew = "createFileSystemLayer" in fs;
  const folders = path => [...virtual.keys()].some(name => name.startsWith(`${path}/`));
  const api = isNew
    ? new sync.API({ cwd: ROOT })
    : new sync.API({
        cwd: ROOT,
        fs: {
          readFile: path => virtual.get(path),
          fileExists: path => virtual.has(path) || undefined,
          directoryExists: path => folders(path) || undefined,
        },
      });
  const { SymbolFlags, SignatureKind, DiagnosticCategory } = sync;
  let number = 0;

  /** @param files texts by path, over those of the disk */
  function open(entry, files) {
    const roots = [entry, ...[...files.keys()].filter(path => path.endsWith(".d.ts"))];
    let snapshot;
    let project;
    if (isNew) {
      snapshot = api.createSnapshot({
        fileSystem: fs.createFileSystemLayer([...files]),
        createPrograms: [
          {
            rootFiles: roots,
            compilerOptions: { ...OPTIONS, lib: ["lib.es2022.d.ts"], target: 9, module: 199, moduleResolution: 99 },
          },
        ],
      });
      [project] = snapshot.getProjects();
    } else {
      const config = join(dirname(entry), `merlon-check-${number++}.tsconfig.json`);
      virtual.clear();
      for (const [path, text] of files) virtual.set(path, text);
      virtual.set(config, JSON.stringify({ compilerOptions: OPTIONS, files: roots }));
      snapshot = api.updateSnapshot({ openProjects: [config], fileChanges: { changed: [...files.keys()] } });
      project = snapshot.getProject(config);
    }
    const { program, checker } = project;
    const membersOf = type => (type?.isUnionType() ? type.getTypes() : type ? [type] : []);
    const literal = type => (type.isStringLiteralType() ? [type.value] : []);
    const errorOf = ({ pos, end, code, text, messageChain = [] }) => ({
      start: pos,
      end,
      code,
      text: [text, ...chain(messageChain, 1)].join("\n"),
    });
    const chain = (links, depth) =>
      links.flatMap(({ text, messageChain = [] }) => ["  ".repeat(depth) + text, ...chain(messageChain, depth + 1)]);
    return {
      tree: path => program.getSourceFile(path),
      errors: path =>
        [
          ...program.getProgramDiagnostics(),
          ...program.getSyntacticDiagnostics(path),
          ...program.getSemanticDiagnostics(path),
        ]
          .filter(({ category }) => category === DiagnosticCategory.Error)
          .map(errorOf),
      types: {
        typeName: node => checker.getTypeAtLocation(node)?.getSymbol()?.name,
        propertyTexts(node, property) {
          const whole = checker.getTypeAtLocation(node);
          const symbol = whole && checker.getPropertyOfType(whole, property);
          const type = symbol && checker.getTypeOfSymbolAtLocation(symbol, node);
          if (!type) return undefined;
          const texts = membersOf(type).flatMap(one => {
            const printed = one.isStringLiteralType() ? "" : checker.typeToString(one);
            return printed.startsWith("`") ? [printed.slice(1, -1)] : literal(one);
          });
          return texts.length || type.id === checker.getNeverType().id ? texts : undefined;
        },
        parameterTexts(call, index) {
          const parameter = checker.getResolvedSignature(call)?.getParameters()[index];
          return parameter && membersOf(checker.getTypeOfSymbolAtLocation(parameter, call)).flatMap(literal);
        },
        parameterNames(callee) {
          const type = checker.getTypeAtLocation(callee);
          const [first] = type ? checker.getSignaturesOfType(type, SignatureKind.Call) : [];
          return first?.getParameters().map(({ name }) => name);
        },
        expectedProperties: record =>
          membersOf(checker.getContextualType(record)).map(type =>
            checker.getPropertiesOfType(type).map(({ name }) => name),
          ),
        variablesAt(node) {
          const { path } = node.getSourceFile();
          return checker
            .getSymbolsInScope(node, SymbolFlags.Variable)
            .filter(({ declarations }) => declarations.some(declaration => declaration.path === path))
            .map(({ name }) => name);
        },
      },
      close: () => snapshot.dispose(),
    };
  }
  const missing = [
    ["Checker.getSymbolsInScope", sync.Checker.prototype, "getSymbolsInScope"],
    ["Checker.typeToString", sync.Checker.prototype, "typeToString"],
    ["API.createSourceFile (a tree without a project)", sync.API.prototype, "createSourceFile"],
    ["API.transpileModule", sync.API.prototype, "transpileModule"],
    ["API.createSnapshot (a program without a tsconfig.json)", sync.API.prototype, "createSnapshot"],
  ].flatMap(([name, owner, key]) => (key in owner ? [] : [name]));
  return { version, ast, open, missing, close: () => api.close() };
}

/** Every question about every call and record of a file, by place. */
function answers(ts, tree, types) {
  const found = [];
  const ask = (name, work) => {
    try {
      const answer = work();
      return [
        name,
        Array.isArray(answer) ? answer.map(one => (Array.isArray(one) ? one.toSorted() : one)).toSorted() : answer,
      ];
    } catch (error) {
      return [name, `threw: ${error.message}`];
    }
  };
  const visit = node => {
    const at = `${node.getStart(tree)}-${node.end}`;
    if (ts.isCallExpression(node))
      found.push([
        at,
        ask("type of the call", () => types.typeName(node)),
        ask("columns", () => types.propertyTexts(node, "columns")),
        ...[...node.arguments].map((_, index) => ask(`parameter ${index}`, () => types.parameterTexts(node, index))),
        ask("parameters", () => types.parameterNames(node.expression)),
        ask("variables", () => types.variablesAt(node)),
      ]);
    else if (ts.isObjectLiteralExpression(node)) found.push([at, ask("options", () => types.expectedProperties(node))]);
    (ts.forEachChild ?? ((of, each) => of.forEachChild(each)))(node, visit);
  };
  visit(tree);
  return new Map(found.map(([at, ...asked]) => [at, asked]));
}

function programs() {
  if (positionals.length) return positionals.map(file => resolve(file));
  const samples = join(ROOT, "tests/samples");
  const shop = join(ROOT, "examples/shop");
  return [
    ...readdirSync(samples).flatMap(name => {
      const file =
        existsSync(join(samples, name)) &&
        name !== "artefacts" &&
        readdirSync(join(samples, name)).find(f => f.startsWith("main."));
      return file ? [join(samples, name, file)] : [];
    }),
    ...readdirSync(shop)
      .filter(f => /\.(ensemble|workflow)\.ts$/.test(f))
      .map(f => join(shop, f)),
  ];
}

async function compare() {
  const native = await typescript7();
  const ts = await dist("checker/syntax.js");
  process.stdout.write(
    `TypeScript ${native.version}\nThe API lacks: ${native.missing.join(", ") || "nothing that the checker uses"}\n\n`,
  );
  const counts = { files: 0, errors: 0, same: 0, questions: 0, equal: 0 };
  const differences = new Map();
  const differ = (kind, text) => differences.set(kind, [...(differences.get(kind) ?? []), text]);
  for (const file of programs()) {
    const program = await readProgram(file);
    const where = path => relative(ROOT, path);
    if (program.checked.length) {
      const theirs = native.open(file, program.files);
      const ours = program.project.types();
      for (const path of program.checked) {
        counts.files++;
        const [expected, found] = [program.project.errors(path), theirs.errors(path)].map(list =>
          list.map(e => JSON.stringify([e.start, e.end, e.code, e.text])),
        );
        counts.errors += expected.length;
        counts.same += expected.filter(text => found.includes(text)).length;
        for (const text of expected.filter(text => !found.includes(text)))
          differ("only TypeScript 6 reports", `${where(path)} ${text}`);
        for (const text of found.filter(text => !expected.includes(text)))
          differ("only TypeScript 7 reports", `${where(path)} ${text}`);
        const tree = theirs.tree(path);
        if (!tree) {
          differ("no tree", where(path));
          continue;
        }
        const [known, asked] = [answers(ts, program.project.tree(path), ours), answers(native.ast, tree, theirs.types)];
        for (const [at, list] of known)
          for (const [index, [question, answer]] of list.entries()) {
            counts.questions++;
            const other = asked.get(at)?.[index]?.[1];
            if (JSON.stringify(other) === JSON.stringify(answer)) counts.equal++;
            else
              differ(
                `answers to "${question}"`,
                `${where(path)}:${at} ${JSON.stringify(answer)?.slice(0, 200)} ≠ ${JSON.stringify(other)?.slice(0, 200)}`,
              );
          }
      }
      theirs.close();
    }
    program.project.close();
  }
  native.close();
  process.stdout.write(
    `${counts.files} files: ${counts.same} of ${counts.errors} errors and ${counts.equal} of ${counts.questions} answers are equal\n`,
  );
  for (const [kind, list] of differences)
    process.stdout.write(
      `\n${kind}: ${list.length}\n${list
        .slice(0, 6)
        .map(text => `  ${text}\n`)
        .join("")}`,
    );
}

/** A program of one file for TypeScript 7 alone: rewritten, with the types of its artefacts, and no project of TypeScript 6. */
async function readAlone(file) {
  const [{ rewrite }, { namedArtefacts }, { programEntries }, { printEnvironment }, { artefactReader }] =
    await Promise.all([
      dist("1-rewrite/rewrite.js"),
      dist("typegen/named-artefacts.js"),
      dist("typegen/program-entries.js"),
      dist("typegen/environment.js"),
      dist("3-graph/artefacts.js"),
    ]);
  const text = readFileSync(file, "utf8");
  const entries = programEntries(namedArtefacts(new Map([[file, text]])), artefactReader(dirname(file)));
  return new Map([
    [file, rewrite(text, file).text],
    [`${file}.merlon-env.d.ts`, printEnvironment(entries)],
  ]);
}

/** CPU of this process and of those that it started, in milliseconds (Linux). */
function cpuTime() {
  const { user, system } = process.cpuUsage();
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  const ticks = children.map(pid => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return Number(fields[11]) + Number(fields[12]);
  });
  return (user + system) / 1000 + ticks.reduce((sum, of) => sum + of * 10, 0);
}

/** One process: reads and checks a program twice, and prints the wall time of either, and the CPU time of the first and of both. */
async function once(which) {
  const native = which === "7" ? await typescript7() : undefined;
  const [times, cpu] = [[], []];
  for (let run = 0; run < 2; run++) {
    const started = performance.now();
    let errors;
    if (native) {
      const checker = native.open(TIMED, await readAlone(TIMED));
      errors = checker.errors(TIMED);
      times.push(performance.now() - started);
      checker.close();
    } else {
      const { project, checked } = await readProgram(TIMED);
      errors = checked.flatMap(path => project.errors(path));
      times.push(performance.now() - started);
      project.close();
    }
    if (errors.length) throw new Error(JSON.stringify(errors));
    cpu.push(cpuTime());
  }
  native?.close();
  process.stdout.write(
    JSON.stringify({ first: times[0], later: times[1], firstCpu: cpu[0], laterCpu: cpu[1] - cpu[0] }),
  );
}

const measure = which =>
  JSON.parse(
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), "--package", PACKAGE, "--once", which, TIMED], {
      encoding: "utf8",
    }),
  );

function time() {
  const runs = { 6: [], 7: [] };
  for (let run = 0; run < Number(values.runs); run++) for (const which of ["6", "7"]) runs[which].push(measure(which));
  const median = (which, key) =>
    runs[which]
      .map(one => one[key])
      .toSorted((a, b) => a - b)
      [Math.floor(runs[which].length / 2)].toFixed(0);
  process.stdout.write(`\n${relative(ROOT, TIMED)}, median of ${values.runs} in turn, ms\n`);
  for (const which of ["6", "7"])
    process.stdout.write(
      `  TypeScript ${which}: first program ${median(which, "first")} (process CPU ${median(which, "firstCpu")}), later ${median(which, "later")} (CPU ${median(which, "laterCpu")})\n`,
    );
}

if (values.once) await once(values.once);
else {
  await compare();
  if (values.runs !== "0") time();
}

// Writes the operators' part of docs/reference/operators.md: each operator's docstring, and one statement with it out of the samples, which the tests
// compile. An operator without docstring or sample stops it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ts } from "ts-morph";
import { isFittedOp } from "../dist/contract/op-state.js";
import { factsOf } from "../dist/contract/step-facts.js";
import { opDefinition } from "../dist/operators/authors.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "docs", "reference", "operators.md");
const START = "<!-- operators: made by scripts/gen-language.mjs -->";
const END = "<!-- end of operators -->";

const parse = path => ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);

/** Operators that `merlon` exports: name → file. */
export function operators() {
  const index = readFileSync(join(root, "compiler/dsl/index.ts"), "utf8");
  return [...index.matchAll(/export \{([^}]*)\} from "\.\.\/\.\.\/operators\/([\w/-]+)\.js"/g)].flatMap(
    ([, names, file]) =>
      names
        .split(",")
        .map(name => name.trim())
        .filter(name => name && !name.startsWith("type "))
        .map(name => ({ name, file: join(root, "operators", `${file}.ts`) })),
  );
}

/** An operator's docstring: prose, parameters, and the programs that may use it. */
function documentation({ name, file }) {
  const tree = parse(file);
  const statement = tree.statements.find(
    s =>
      (ts.isFunctionDeclaration(s) && s.name?.text === name) ||
      (ts.isVariableStatement(s) && s.declarationList.declarations.some(d => d.name.getText(tree) === name)),
  );
  const [doc] = statement ? ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc) : [];
  if (!doc) throw new Error(`${file}: \`${name}\` has no docstring`);
  const textOf = comment => (ts.getTextOfJSDocComment(comment) ?? "").replace(/\s*\n\s*/g, " ").trim();
  const tags = doc.tags ?? [];
  const line = (name, text, byDefault) =>
    `- \`${name}\`: ${text}${byDefault ? `${text ? " " : ""}(default: ${textOf(byDefault.comment)})` : ""}`;
  const isDefault = tag => tag?.tagName.text === "default";
  const described = tags.flatMap((tag, i) =>
    ts.isJSDocParameterTag(tag)
      ? [[tag.name.getText(tree), textOf(tag.comment), isDefault(tags[i + 1]) && tags[i + 1]]]
      : [],
  );
  const declared = optionsOf(tree).map(member => {
    const [own] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
    if (!own) throw new Error(`${file}: \`${member.name.getText(tree)}\` has no docstring`);
    return [`options.${member.name.getText(tree)}`, textOf(own.comment), own.tags?.find(isDefault)];
  });
  const parameters = [...described, ...declared.filter(([name]) => !described.some(d => d[0] === name))].map(of =>
    line(...of),
  );
  // A definition that is not an operator of a plan has its own text.
  const definition = opDefinition(name);
  const isStage = definition ? factsOf(name).where === "ensemble" : /@stage\b/.test(tree.text);
  // An operator that learns needs a fit, and request rows can't be dropped.
  const isOfWorkflows = isFittedOp(name) || ["dropna", "groupby"].includes(name);
  return {
    prose: textOf(doc.comment),
    parameters,
    where: isStage ? "ensembles" : isOfWorkflows ? "workflows" : "workflows and ensembles",
  };
}

/** Options that an interface of the file declares, each with a docstring of its own. */
const optionsOf = tree =>
  tree.statements
    .filter(s => ts.isInterfaceDeclaration(s) && /Options$/.test(s.name.text))
    .flatMap(s => s.members.filter(ts.isPropertySignature));

/** The shortest statement with the operator among the samples that compile. */
function example(name) {
  const folder = join(root, "tests/samples");
  const found = readdirSync(folder)
    .filter(sample => /^(workflow|ensemble|vectors)-/.test(sample) && !sample.endsWith("-method"))
    .sort()
    .flatMap(sample => {
      const file = readdirSync(join(folder, sample)).find(f => f.startsWith("main."));
      const tree = parse(join(folder, sample, file));
      return tree.statements
        .filter(s => calls(s, name))
        .map(s => ({ text: s.getText(tree), from: `tests/samples/${sample}/${file}` }));
    });
  found.sort((a, b) => a.text.length - b.text.length || a.from.localeCompare(b.from));
  if (!found[0]) throw new Error(`no sample in tests/samples uses \`${name}\``);
  return found[0];
}

function calls(node, name) {
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === name) return true;
  return !!ts.forEachChild(node, child => calls(child, name) || undefined);
}

/** @param page text of docs/reference/operators.md */
export function generate(page) {
  const sections = operators()
    .sort((a, b) => a.name.localeCompare(b.name, "en"))
    .map(operator => {
      const { prose, parameters, where } = documentation(operator);
      const { text, from } = example(operator.name);
      return [
        `### ${operator.name}`,
        `*In ${where}.* ${prose}`,
        ...(parameters.length ? [parameters.join("\n")] : []),
        `\`\`\`ts\n${text}\n\`\`\`\n\n([${from}](../../${from}))`,
      ].join("\n\n");
    });
  const [before, rest] = page.split(START);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error("docs/reference/operators.md has lost its markers for the operators");
  return `${before}${START}\n\n${sections.join("\n\n")}\n\n${END}${after}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, generate(readFileSync(target, "utf8")));

// The API reference: for each public entry of package.json its functions, options and types, by TypeDoc.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { ROOT, run } from "../setup.mjs";

const REFERENCE = join(ROOT, "docs/reference");

/**
 * Entry of the package → its source and the name that `<!-- include: NAME -->` of a page has for it.
 * @returns {Map<string, { source: string, include: string }>}
 */
export function apiEntries() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return new Map(
    Object.entries(exports)
      .filter(([, target]) => target.types)
      .map(([name, { types }]) => [
        name === "." ? "merlon" : `merlon${name.slice(1)}`,
        {
          source: types.replace("./dist/", "").replace(/\.d\.ts$/, ".ts"),
          include: `api-${name === "." ? "merlon" : name.slice(2).replaceAll("/", "-")}`,
        },
      ]),
  );
}

/** @returns include → the page of docs/reference that has it @throws Error for an entry without a page */
export function apiPages() {
  const pages = new Map(
    readdirSync(REFERENCE).flatMap(page =>
      [...readFileSync(join(REFERENCE, page), "utf8").matchAll(/^<!-- include: (api-[\w-]+) -->$/gm)].map(
        ([, include]) => [include, page],
      ),
    ),
  );
  for (const [name, { include }] of apiEntries())
    if (!pages.has(include)) throw new Error(`no page of docs/reference has <!-- include: ${include} --> for ${name}`);
  return pages;
}

/** @param tsconfig path of a file, written @param out folder, written @param site folder with TypeDoc */
function runTypedoc(sources, tsconfig, out, site) {
  const files = sources.map(source => join(ROOT, source));
  const compilerOptions = {
    composite: false,
    noEmit: true,
    rootDir: ROOT,
    typeRoots: [join(ROOT, "node_modules/@types")],
  };
  writeFileSync(tsconfig, JSON.stringify({ extends: join(ROOT, "tsconfig.base.json"), compilerOptions, files }));
  const options = {
    ...{ tsconfig, out, plugin: "typedoc-plugin-markdown", outputFileStrategy: "modules", readme: "none" },
    ...{ excludePrivate: true, excludeInternal: true, excludeExternals: true, disableSources: true },
    ...{ disableGit: true, skipErrorChecking: true, gitRevision: "main", useCodeBlocks: true, logLevel: "Error" },
    ...{ hidePageHeader: true, hideBreadcrumbs: true, hidePageTitle: true },
    ...{ parametersFormat: "table", interfacePropertiesFormat: "table", typeDeclarationFormat: "table" },
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const entries = files.flatMap(file => ["--entryPoints", file]);
  run(process.execPath, [join(site, "node_modules/typedoc/bin/typedoc"), ...words, ...entries], { cwd: site });
}

/** Path of the Markdown that TypeDoc writes for a source, in its folder. */
const outputOf = source => source.replace(/(?:\/index)?\.ts$/, ".md");

/** @param site folder with TypeDoc @returns include → Markdown */
export function apiIncludes(site) {
  const entries = [...apiEntries().values()];
  const pages = apiPages();
  const pageOf = new Map(entries.map(({ source, include }) => [outputOf(source), pages.get(include)]));
  const out = mkdtempSync(join(site, "api-"));
  try {
    const tsconfig = join(out, "tsconfig.json");
    runTypedoc(
      entries.map(({ source }) => source),
      tsconfig,
      join(out, "md"),
      site,
    );
    return Object.fromEntries(
      entries.map(({ source, include }) => {
        const own = outputOf(source);
        const text = readFileSync(join(out, "md", own), "utf8")
          .replaceAll(/\]\(([\w./-]+\.md)#/g, (_, to) => {
            const page = pageOf.get(posix.join(posix.dirname(own), to));
            return page === pages.get(include) ? "](#" : `](${page}#`;
          })
          // Pages have no HTML, and rows of tables no anchors.
          .replaceAll(/<a id="[^"]*"><\/a> ?/g, "")
          .replaceAll(/\[(`[^`]+`)\]\([\w.-]*#(?:property|type-parameter)-[^)]*\)/g, "$1")
          // Names of nested properties may break at their dots.
          .replaceAll(/^\| `[\w.?]{40,}`/gm, name => name.replaceAll(".", ".\u200b"))
          .replaceAll("{{", "{&#123;");
        return [include, text];
      }),
    );
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

// Copies docs/ to the folder that VitePress reads. A link to a file outside docs/ would be dead on the site, so the file becomes a page of its own.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, posix } from "node:path";
import { ROOT } from "../setup.mjs";
import { withPlayground } from "./programs.mjs";

const DOCS = join(ROOT, "docs");
/** Folder of the site with the files outside docs/. */
const OUTSIDE = "source";
/** The README repeats the front page. */
const SAME_AS = { "README.md": "index.md" };
const LANGUAGES = { mjs: "js", yml: "yaml", merlon: "ts", pbtxt: "txt", "": "txt" };

/** @returns paths of the pages, relative to docs/, sorted */
export const pages = () =>
  readdirSync(DOCS, { recursive: true })
    .filter(path => path.endsWith(".md") && !path.startsWith(".vitepress"))
    .sort();

/**
 * Text of a page → the same with each part outside of code given to `change`.
 * A block keeps its fence; a code span is between equal runs of backticks.
 */
export const outsideCode = (text, change) =>
  text
    .split(/^(```[\s\S]*?^```$)/m)
    .map((part, i) =>
      i % 2 === 1
        ? part
        : part
            .split(/((?<!`)(`+)(?!`)[\s\S]*?(?<!`)\2(?!`))/)
            .map((piece, j) => (j % 3 === 0 ? change(piece) : j % 3 === 1 ? piece : ""))
            .join(""),
    )
    .join("");

const LINK = /\]\(([^()\s]+)\)/g;

/** Links of a page that lead into the tree. @returns pairs of path and anchor, as they are written */
export function linksOf(text) {
  const links = [];
  outsideCode(text, part => {
    for (const [, target] of part.matchAll(LINK)) if (!/^[a-z]+:/.test(target)) links.push(target.split("#"));
    return part;
  });
  return links;
}

/** Path in the tree → path of its page, relative to the site. */
function placeOf(path) {
  if (path in SAME_AS) return SAME_AS[path];
  if (path.startsWith("docs/")) return path.slice("docs/".length);
  if (statSync(join(ROOT, path)).isDirectory()) return posix.join(OUTSIDE, path, "index.md");
  // A path with two endings is a file to VitePress, and links to it are not checked.
  return path.endsWith(".md") ? posix.join(OUTSIDE, path) : posix.join(OUTSIDE, `${path.replaceAll(".", "-")}.md`);
}

/** Text of the page for a file or folder outside docs/. */
function textOf(path) {
  const file = join(ROOT, path);
  const head = "---\nsearch: false\neditLink: false\n---\n\n";
  if (statSync(file).isDirectory()) {
    if (existsSync(join(file, "README.md"))) return textOf(posix.join(path, "README.md"));
    const names = readdirSync(file).sort();
    return `${head}# ${path}\n\n${names.map(name => `- \`${name}\``).join("\n")}\n`;
  }
  const text = readFileSync(file, "utf8");
  if (path.endsWith(".md")) return head + text;
  const ending = extname(path).slice(1);
  return `${head}# ${path}\n\n\`\`\`\`${LANGUAGES[ending] ?? ending}\n${text.trimEnd()}\n\`\`\`\`\n`;
}

/**
 * Writes the site's pages.
 * @param target folder, replaced
 * @param includes name → Markdown in the place of `<!-- include: NAME -->`
 */
export function stage(target, includes) {
  rmSync(target, { recursive: true, force: true });
  cpSync(join(DOCS, ".vitepress"), join(target, ".vitepress"), {
    recursive: true,
    filter: path => !/[/\\](?:dist|cache)$/.test(path),
  });
  if (existsSync(join(DOCS, "images"))) cpSync(join(DOCS, "images"), join(target, "images"), { recursive: true });
  const due = pages().map(path => posix.join("docs", path));
  const seen = new Set(due);
  for (const path of due) {
    const own =
      path.startsWith("docs/") || !statSync(join(ROOT, path)).isDirectory() ? path : posix.join(path, "README.md");
    const place = placeOf(path);
    const relink = (_, link) => {
      if (/^[a-z]+:|^#|^\/playground\//.test(link)) return `](${link})`;
      const [to, anchor] = link.split("#");
      const other = posix.normalize(posix.join(dirname(own), to)).replace(/\/$/, "");
      if (/\.(svg|png)$/.test(other)) return `](${link})`;
      if (other.startsWith("..") || !existsSync(join(ROOT, other)))
        throw new Error(`${path} links to ${link}, which is not there`);
      if (!seen.has(other)) due.push(other);
      seen.add(other);
      return `](${posix.relative(dirname(place), placeOf(other))}${anchor === undefined ? "" : `#${anchor}`})`;
    };
    const source = path.startsWith("docs/")
      ? withPlayground(path, readFileSync(join(ROOT, path), "utf8"))
      : textOf(path);
    const text = source.replaceAll(/^<!-- include: ([\w-]+) -->$/gm, (_, name) => {
      if (!(name in includes)) throw new Error(`${path} includes ${name}, which nothing makes`);
      return includes[name];
    });
    const out = join(target, place);
    mkdirSync(dirname(out), { recursive: true });
    // Comments are for the tests; VitePress shows them, since it shows pages without raw HTML.
    writeFileSync(
      out,
      outsideCode(text, part => part.replaceAll(/<!--[\s\S]*?-->\n?/g, "").replaceAll(LINK, relink)),
    );
  }
}

export const titleOf = path => /^# (.+)$/m.exec(readFileSync(join(DOCS, path), "utf8"))[1];

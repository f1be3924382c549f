/**
 * Which of several findings about one operator the author is shown.
 */
import type { Site } from "./1-rewrite/rewrite.js";
import { isGeneral } from "./2-check/check.js";
import type { DiagnosticSite, Finding } from "./diagnostics/diagnostic.js";

/**
 * A type error at an operator with a fault of the graph is the same mistake with fewer details. One with words of its own is more precise.
 * @param sites the program's operators, by which a type error and a fault are of the same one
 */
export function preferGraph(
  findings: readonly Finding[],
  sites: readonly (Site & { readonly file: string })[],
): Finding[] {
  const graph = findings.filter(f => !f.code.startsWith("type/") && f.severity === "error");
  const special = findings.filter(f => f.code.startsWith("type/") && !isGeneral(f));
  /** The innermost operator around a place. */
  const operatorAt = ({ file, start, end }: DiagnosticSite): DiagnosticSite => {
    const around = sites.filter(s => s.file === file && s.whole.start <= start && end <= s.whole.end);
    const [inner] = around.sort((a, b) => a.whole.end - a.whole.start - (b.whole.end - b.whole.start));
    return { file, ...(inner?.whole ?? { start, end }) };
  };
  const isOtherKind = findings.some(({ code }) => code === "graph/export-kind");
  const unknown = findings.filter(({ code }) => code === "option/unknown");
  const properties = findings.filter(({ code }) => code === "type/column-as-property");
  const names = findings.filter(({ code }) => code === "type/unknown-name");
  /**
   * An ensemble in the place of a workflow has operators that a workflow refuses. An option without its name, a column that was written as a
   * property, and a name without its quotes are reported once.
   */
  const isConsequence = ({ code, site, message }: Finding): boolean =>
    (isOtherKind && OF_OTHER_KIND.has(code)) ||
    (code === "graph/parameter" && /there is no option/.test(message) && unknown.some(u => overlaps(u.site, site))) ||
    (code === "graph/parameter" &&
      /is undefined, not a node/.test(message) &&
      properties.some(p => overlaps(p.site, site))) ||
    (code === "type/column-computed" && names.some(n => overlaps(n.site, site)));
  const news = findings.filter(f => !isConsequence(f));
  return news.filter(f =>
    isGeneral(f)
      ? !graph.some(g => overlaps(operatorAt(f.site), g.site))
      : !(isEcho(f) && special.some(s => overlaps(s.site, f.site))) &&
        !(
          f.code === "type/unknown-name" &&
          graph.some(g => g.code === "lambda/unknown-name" && overlaps(g.site, f.site))
        ),
  );
}

const isEcho = ({ code }: Finding): boolean => /^graph\/(not-|program-output$)|^option\/record$/.test(code);

const OF_OTHER_KIND = new Set(["workflow/stage-operator", "graph/filter-in-ensemble", "graph/learns-in-ensemble"]);

const overlaps = (a: DiagnosticSite, b: DiagnosticSite): boolean =>
  a.file === b.file && a.start < b.end && b.start < a.end;

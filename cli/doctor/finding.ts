/**
 * Findings of `merlon doctor`, one line of its report each, and the report.
 */

/** `absent` parts are optional until they are demanded; `broken` ones are there and can't be used. */
export type State = "ok" | "absent" | "broken";

export interface Finding {
  readonly section: "machine" | "settings" | "native parts" | "GPU";
  readonly name: string;
  readonly state: State;
  readonly found: string;
  /** A command or a sentence that adds or repairs it. */
  readonly fix?: string | undefined;
  /** The values in `found`. */
  readonly details?: Readonly<Record<string, number | string | boolean | readonly string[]>> | undefined;
}

export interface Report {
  /** Whether all that was demanded is usable. */
  readonly ok: boolean;
  readonly demanded: readonly string[];
  readonly missing: readonly string[];
  readonly findings: readonly Finding[];
}

/** @param demanded names of findings; one that no finding has is missing */
export function reportOf(findings: readonly Finding[], demanded: readonly string[]): Report {
  const missing = demanded.filter(name => findings.find(finding => finding.name === name)?.state !== "ok");
  return { ok: missing.length === 0, demanded, missing, findings };
}

const SIGNS = { ok: "✔", absent: "–", broken: "✘" } as const;

/** The report as a table by section; a fix is below its line. */
export function printReport({ findings, missing }: Report): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  let section = "";
  let text = "";
  for (const finding of findings) {
    if (finding.section !== section) text += `${section === "" ? "" : "\n"}${finding.section}\n`;
    section = finding.section;
    const sign = missing.includes(finding.name) ? SIGNS.broken : SIGNS[finding.state];
    text += `  ${sign} ${finding.name.padEnd(width)}  ${finding.found}\n`;
    if (finding.fix !== undefined) text += `    ${"".padEnd(width)}  → ${finding.fix}\n`;
  }
  if (missing.length > 0) text += `\n✘ demanded and not usable: ${missing.join(", ")}\n`;
  return text;
}

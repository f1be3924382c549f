/**
 * Diagnostics → workflow commands of GitHub Actions, which shows them beside the lines of a pull request.
 */
import { relative } from "node:path";
import { type Diagnostic, position } from "./diagnostic.js";

/**
 * @param read text of a file
 * @param folder root of the repository: GitHub identifies files by their path in it
 */
export const printDiagnosticsForGithub = (
  diagnostics: readonly Diagnostic[],
  read: (file: string) => string,
  folder: string,
): string =>
  diagnostics
    .map(({ severity, code, message, help, site, line, column }) => {
      const end = position(read(site.file), site.end);
      const place = {
        file: relative(folder, site.file),
        line: String(line),
        endLine: String(end.line),
        col: String(column),
        // GitHub's last column is inside the range, and read only within one line.
        ...(end.line === line && { endColumn: String(Math.max(column, end.column - 1)) }),
        title: code,
      };
      const properties = Object.entries(place).map(([name, value]) => `${name}=${property(value)}`);
      return `::${severity} ${properties.join(",")}::${data(`${message}\nhelp: ${help}`)}\n`;
    })
    .join("");

const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

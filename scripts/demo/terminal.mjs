// The output of the demo: steps with ticks and seconds, and aligned tables. Color only on a terminal.
import { stripVTControlCharacters } from "node:util";

const tty = process.stdout.isTTY === true && !process.env.NO_COLOR;
const paint = code => text => (tty ? `\x1b[${code}m${text}\x1b[0m` : String(text));
export const bold = paint(1);
export const dim = paint(2);
export const green = paint(32);
export const cyan = paint(36);

const width = text => stripVTControlCharacters(text).length;

export const say = (line = "") => void process.stdout.write(`${line}\n`);
export const heading = text => say(`\n${bold(text)}`);

/** One line per step: `✔ title  note   0.4 s`, with a running line before it where the terminal can take it back. */
export async function step(title, work) {
  const started = performance.now();
  if (tty) process.stdout.write(`${dim("…")} ${title}`);
  const { note = "", skipped = false } = (await work()) ?? {};
  const time = skipped ? dim("up to date") : `${((performance.now() - started) / 1000).toFixed(1)} s`.padStart(10);
  const line = `${green("✔")} ${title.padEnd(34)} ${time}`;
  say(`${tty ? "\r\x1b[K" : ""}${line}${note ? `   ${dim(note)}` : ""}`);
}

/**
 * Prints rows under headers. A column whose header starts with `>` is aligned to the right.
 * @param rows arrays of texts, each as long as `headers`
 */
export function table(headers, rows, indent = "  ") {
  const right = headers.map(h => h.startsWith(">"));
  const names = headers.map(h => h.replace(/^>/, ""));
  const widths = names.map((name, i) => Math.max(name.length, ...rows.map(row => width(String(row[i])))));
  const pad = (text, i) => {
    const space = " ".repeat(widths[i] - width(text));
    return right[i] ? space + text : text + space;
  };
  say(indent + dim(names.map(pad).join("  ").trimEnd()));
  for (const row of rows)
    say(
      indent +
        row
          .map((cell, i) => pad(String(cell), i))
          .join("  ")
          .trimEnd(),
    );
}

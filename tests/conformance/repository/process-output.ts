/**
 * What a run of the binary printed → lines that can be compared: paths, ports, times, process ids and file names of the log's heads are
 * masked, the table of models is collapsed as the recorder did, and the rest that a real Triton says about itself is left out: other tables, and the
 * lines of its libraries and back ends.
 */

/** Lines of back ends' and other libraries' own: not the server's log. The recorder masked what RE2 says of a pattern that is none, as ours is here. */
const LIBRARY =
  /^E.*\] "header forward pattern |^I.*\] "(TRITONBACKEND_|Triton TRITONBACKEND API|'[a-z_]+' TRITONBACKEND API|backend configuration:|Repository location:|skipping model configuration auto-complete|Creation delay is set to|backend state is|model configuration:|Creating TritonCache|Initialized Cache|Response Cache is created at|Received request to|Size of memory)/;
/** Who can reach each port: a line that Triton does not have. */
const EXPOSED = /^I.*\] "Exposed: /;
/** The head of a record that is a table. */
const TABLE_HEAD = /^(?:<iso-time> )?I(?:<time>)? <pid> \]$/;
/** Once a second, with counts that depend on the seconds before. */
const COUNTDOWN = /^I.*\] "Timeout \d+: Found /;

export interface Masks {
  readonly paths: readonly (readonly [path: string, mark: string])[];
  /** The whole usage text of the binary under test. */
  readonly usage: string;
}

/** Our own output, masked as the recorder masked Triton's. The heads go first: a port's five digits may turn up among the microseconds. */
export function maskOutput(text: string, { paths, usage }: Masks): string[] {
  let masked = text
    .replaceAll(usage.trimEnd(), "<usage text>")
    .replace(/^([IWEV])\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ /gm, "$1<time> <pid> ")
    .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ([IWEV]) \d+ /gm, "<iso-time> $1 <pid> ");
  // A port is masked where it stands as a number of its own: the memory pool's 268435456 bytes hold many a port.
  for (const [path, mark] of paths)
    masked = /^-?\d+$/.test(path)
      ? masked.replace(new RegExp(`(?<!\\d)${path}(?!\\d)`, "g"), mark)
      : masked.replaceAll(path, mark);
  return masked.split("\n");
}

/** Lines as they are compared, from either side. */
export function comparable(lines: readonly string[]): string[] {
  const out: string[] = [];
  let table: string[] = [];
  const flush = (): void => {
    const loose = table.some(row => row.includes("<"));
    if (table[1]?.startsWith("| Model ")) for (const row of table) out.push(loose ? collapse(row) : row);
    table = [];
  };
  for (const line of lines) {
    if (/^[+|]/.test(line)) {
      table.push(line);
      continue;
    }
    flush();
    const text = line
      .replace(/^((?:<iso-time> )?[IWEV](?:<time>)? <pid>) \S+\]/, "$1 ]")
      .replace(/^<usage text, \d+ lines>/, "<usage text>")
      .replace(/(onnx runtime error \d+: )[^"|]*/, "$1…");
    const bare = text.replace(/^<iso-time> /, "");
    if (text !== "<library log line>" && !LIBRARY.test(bare) && !COUNTDOWN.test(bare) && !EXPOSED.test(bare))
      out.push(text.trimEnd());
  }
  flush();
  return out.filter(line => line !== "" && !TABLE_HEAD.test(line));
}

/** A table with a masked path lost its padding. */
const collapse = (row: string): string =>
  row
    .replace(/-{2,}/g, "---")
    .replace(/ {2,}/g, " ")
    .replace(/(onnx runtime error \d+: )[^|]*/, "$1…");
export function lineDifferences(
  expected: readonly string[],
  got: readonly string[],
  what: string,
  free: boolean,
): string[] {
  const [wanted, seen] = [comparable(expected), comparable(got)];
  if (free) {
    wanted.sort();
    seen.sort();
  }
  const missing = wanted.filter(line => !seen.includes(line)).map(line => `${what}: missing ${line}`);
  const extra = seen.filter(line => !wanted.includes(line)).map(line => `${what}: extra ${line}`);
  if (missing.length + extra.length > 0) return [...missing, ...extra];
  const at = wanted.findIndex((line, i) => seen[i] !== line);
  return at === -1 && wanted.length === seen.length
    ? []
    : [`${what}: order differs at ${at}: expected ${wanted[at]}, got ${seen[at]}`];
}

/** The flags that a usage text names, each with the kind of its argument. */
export const flagsOf = (usage: readonly string[]): string[] =>
  usage.flatMap(line => /^ {2}(--\S+(?: <.*>)?)$/.exec(line)?.[1] ?? []);

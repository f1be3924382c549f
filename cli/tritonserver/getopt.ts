/**
 * A command line as GNU getopt reads it: words → flags with their values, in order; names may be cut short where they stay unique.
 */
import { FLAGS, type Flag } from "./flags.js";

export interface Given {
  readonly name: string;
  readonly value: string;
}

/** A command line that can't be read. `before` is printed ahead of the usage text, `after` behind it. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  constructor(
    readonly before: readonly string[],
    readonly after: readonly string[],
  ) {
    super([...before, ...after].join("\n"));
  }
}

export interface CommandLine {
  readonly given: readonly Given[];
  /** Words that are not flags. */
  readonly rest: readonly string[];
  /** The error that ended parsing: reported only if the flags before it are good. */
  readonly fault?: UsageError;
}

export function readCommandLine(words: readonly string[], program: string): CommandLine {
  const given: Given[] = [];
  const rest: string[] = [];
  const fail = (text: string): CommandLine => ({
    given,
    rest,
    fault: new UsageError(text ? [`${program}: ${text}`] : [], []),
  });
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      rest.push(...words.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      rest.push(word);
      continue;
    }
    if (!word.startsWith("--")) return fail(`invalid option -- '${word[1]}'`);
    const equals = word.indexOf("=");
    const name = word.slice(2, equals === -1 ? undefined : equals);
    const found = match(name);
    if (found.length === 0) return fail(`unrecognized option '${word}'`);
    if (found.length > 1)
      return fail(`option '${word}' is ambiguous; possibilities: ${found.map(flag => `'--${flag.name}'`).join(" ")}`);
    const [flag] = found;
    if (flag!.name === "help") return fail("");
    if (equals === -1 && (flag!.optional || !flag!.argument)) {
      given.push({ name: flag!.name, value: "" });
      continue;
    }
    if (!flag!.argument) return fail(`option '--${flag!.name}' doesn't allow an argument`);
    if (equals === -1 && i + 1 >= words.length) return fail(`option '--${flag!.name}' requires an argument`);
    given.push({ name: flag!.name, value: equals === -1 ? words[++i]! : word.slice(equals + 1) });
  }
  return { given, rest };
}

function match(name: string): readonly Flag[] {
  const exact = FLAGS.filter(flag => flag.name === name);
  return exact.length > 0 ? exact : FLAGS.filter(flag => !flag.own && flag.name.startsWith(name));
}

/**
 * The ports of an operator: by which names its step reads columns, and how many at each. The types of its steps, kernel and lowering follow from
 * them, and a plan is checked against them when it is parsed.
 */

/**
 * `one` is exactly one. `many`: one or more. `any`: none or more. `branch`: one or more, of which a run may skip all. `part`: one or more
 * of a source, which a run may leave out if it fails or is late. With `?` the port may be absent.
 */
export type Port = "one" | "one?" | "many" | "many?" | "any" | "branch" | "branch?" | "part" | "part?";

export type Ports = Readonly<Record<string, Port>> & { readonly input: Port };

type Absent<P extends Ports, Kind extends string> = { [N in keyof P]: P[N] extends Kind ? N : never }[keyof P];

type AtPort<P extends Port, C> = P extends "one" | "one?"
  ? readonly [C]
  : P extends "any"
    ? readonly C[]
    : readonly [C, ...C[]];

type ByPortBut<P extends Ports, Kind extends string, C> = {
  readonly [N in Exclude<keyof P, Absent<P, Kind>>]: AtPort<P[N], C>;
} & { readonly [N in Absent<P, Kind>]?: AtPort<P[N], C> };

/** The columns at a step's ports. */
export type ByPort<P extends Ports, C> = ByPortBut<P, "one?" | "many?" | "branch?" | "part?", C>;

/** The same in a run, which computes one branch of several, and may leave parts out. */
export type ByPortInRun<P extends Ports, C> = ByPortBut<
  P,
  "one?" | "many?" | "branch" | "branch?" | "part" | "part?",
  C
>;

/** The inputs of an author's half by port: the graph does not show the number of columns of a selection. */
export type ByPortOfAuthor<P extends Ports, C> = {
  readonly [N in Exclude<keyof P, Absent<P, "one?" | "many?" | "branch?" | "part?">>]: P[N] extends "one"
    ? readonly [C]
    : readonly C[];
} & {
  readonly [N in Absent<P, "one?" | "many?" | "branch?" | "part?">]?: P[N] extends "one?" ? readonly [C] : readonly C[];
};

const WORDS = {
  one: "one column",
  many: "one or more columns",
  any: "columns",
  branch: "one or more columns",
  part: "one or more columns",
} as const;

/** Describes the fault of a step's ports, as the rest of a sentence about it; undefined if there is none. */
export function portFault(ports: Ports, inputs: Readonly<Record<string, readonly unknown[]>>): string | undefined {
  const stray = Object.keys(inputs).find(name => !Object.hasOwn(ports, name));
  if (stray !== undefined)
    return `port \`${stray}\`: it has only ${Object.keys(ports)
      .map(name => `\`${name}\``)
      .join(", ")}.`;
  for (const [name, port] of Object.entries(ports)) {
    const count = Object.hasOwn(inputs, name) ? inputs[name]!.length : undefined;
    const kind = port.replace("?", "") as keyof typeof WORDS;
    if (count === undefined) {
      if (port !== kind) continue;
      return `port \`${name}\` is missing, at which it reads ${WORDS[kind]}.`;
    }
    if (kind === "one" ? count !== 1 : kind !== "any" && count === 0)
      return `port \`${name}\` has ${count} columns, and it reads ${WORDS[kind]} there.`;
  }
  return undefined;
}

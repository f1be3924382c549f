/** The names of the models, and what a history does with them. */

export const LEAVES = ["a", "b"] as const;
export const ENSEMBLES = ["e", "f", "g"] as const;
/** Written together, as a build does: a plan and the models that it calls. */
export const BUILT = ["m", "n", "plan"] as const;
export type Name = (typeof LEAVES)[number] | (typeof ENSEMBLES)[number] | (typeof BUILT)[number];

export interface Leaf {
  readonly versions: readonly number[];
  /** Its load waits until a gate opens. */
  readonly slow: boolean;
  readonly fails: boolean;
}

export type Command =
  | { readonly do: "leaf"; readonly name: (typeof LEAVES)[number]; readonly leaf: Leaf }
  | { readonly do: "ensemble"; readonly name: (typeof ENSEMBLES)[number]; readonly members: readonly Name[] }
  | { readonly do: "build"; readonly slow: boolean }
  | { readonly do: "remove" | "load" | "begin"; readonly name: Name }
  | { readonly do: "unload"; readonly name: Name; readonly dependents: boolean }
  | { readonly do: "poll" | "open" | "end" | "stop" };

export interface Step {
  readonly command: Command;
  /** Turns of the event loop before the next step. If undefined, the step waits until the registry is idle. */
  readonly turns?: number | undefined;
}

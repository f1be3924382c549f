/** Each release of Python that clusters run `tools/merlon_expressions.py` on, as far as this machine has it, with numpy. */

export const PYTHONS = ["3.10", "3.11", "3.12", "3.13"] as const;

/** An interpreter, or why there is none. */
export type FoundPython = { readonly python: string } | { readonly missing: string };

/** @throws Error where no set-up has looked for them */
export function pythonOf(release: (typeof PYTHONS)[number]): FoundPython {
  const found = process.env.MERLON_TEST_PYTHONS;
  if (found === undefined)
    throw new Error("MERLON_TEST_PYTHONS is not set: `npm test` looks for the interpreters and sets it");
  return (JSON.parse(found) as Readonly<Record<string, FoundPython>>)[release]!;
}

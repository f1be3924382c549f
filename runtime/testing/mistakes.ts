/**
 * Test doubles that return a response which the real model or stage cannot return. The request fails, and so does the test, even if the
 * service under test swallows the error.
 */

export interface Mistakes {
  /** @param of what the function stands for */
  note(of: string, error: unknown): void;
  /** @throws Error naming each double that was wrong since the last call, and how */
  check(): void;
}

/** A double that is called a thousand times is one mistake. */
const MOST = 20;

export function createMistakes(): Mistakes {
  const noted = new Set<string>();
  return {
    note(of, error) {
      if (noted.size < MOST) noted.add(`the double of ${of}: ${(error as Error).message}`);
    },
    check() {
      const found = [...noted];
      noted.clear();
      if (found.length === 0) return;
      throw new Error(
        `${found.length === 1 ? "A double answered" : `${found.length} doubles answered`} what the real one cannot:\n  ${found.join("\n  ")}`,
      );
    },
  };
}

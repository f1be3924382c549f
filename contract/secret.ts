/**
 * A value that no message, log, JSON document or debugger's print shows: passwords, and values of environment variables. `reveal()` is for
 * the place where a connection is made.
 */
export class Secret {
  readonly #value: string;
  readonly #shown: string;

  /** @param shown stands for it in texts */
  constructor(value: string, shown = "***") {
    this.#value = value;
    this.#shown = shown;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return this.#shown;
  }

  toJSON(): string {
    return this.#shown;
  }

  [Symbol.toPrimitive](): string {
    return this.#shown;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.#shown;
  }
}

/** Masks secrets in the texts of other programs, both as they are and in the forms of a URL or a header. */
export function maskSecrets(text: string, secrets: readonly (Secret | undefined)[]): string {
  const forms = secrets.flatMap(secret => {
    const value = secret?.reveal() ?? "";
    if (value === "") return [];
    return [value, encodeURIComponent(value), Buffer.from(value).toString("base64")].map(
      form => [form, String(secret)] as const,
    );
  });
  // Longest first: one may be part of another.
  return forms
    .toSorted(([a], [b]) => b.length - a.length)
    .reduce((masked, [form, shown]) => masked.replaceAll(form, shown), text);
}

/** An address without its user and password, and without its query: the part before the last `@` may contain `/` and `@`. */
export const maskAddress = (address: string): string =>
  address.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1…@").replace(/[?#].*$/s, "");

/** A Python with `tests/requirements.txt`: the official clients and the originals that answers are compared with. */

/** @returns the interpreter @throws Error where no set-up has named one */
export function python(): string {
  const path = process.env.MERLON_TEST_PYTHON;
  if (path) return path;
  throw new Error(
    "MERLON_TEST_PYTHON is not set: `npm test` sets it to the interpreter that has tests/requirements.txt installed",
  );
}

/**
 * Whether text that is written to a stream may have colors: `FORCE_COLOR` decides, else `NO_COLOR` (https://no-color.org), else whether it is a terminal.
 * Node's own rule for its terminals, so that its messages and ours agree. `--no-color` of the command line sets `NO_COLOR`.
 */
export function wantsColor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  if (env.FORCE_COLOR !== undefined) return /^(?:|1|2|3|true)$/.test(env.FORCE_COLOR);
  if (env.NO_COLOR || env.TERM === "dumb") return false;
  return stream.isTTY === true;
}

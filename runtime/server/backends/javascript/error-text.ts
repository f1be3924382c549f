/**
 * A thrown error → the text that a client receives: the message, and the frames inside the model's folder.
 */
export function errorText(error: unknown, folder: string): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? "").split("\n").flatMap(line => {
    const found = /^\s+at (?:(?:async )?(\S+) \()?(?:file:\/\/)?(.+?):(\d+):\d+\)?$/.exec(line);
    return found?.[2]?.startsWith(folder) ? [`  ${found[2]}(${found[3]}): ${found[1] ?? "<anonymous>"}`] : [];
  });
  const text = `${error.name}: ${error.message}`;
  return frames.length > 0 ? `${text}\n\nAt:\n${frames.join("\n")}\n` : text;
}

/**
 * Text → text in a terminal's colors, or unchanged.
 */
export const painter = (color: boolean) => {
  const style = (open: number, close: number) => (text: string) =>
    color ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    red: style(31, 39),
    yellow: style(33, 39),
    blue: style(34, 39),
    green: style(32, 39),
    bold: style(1, 22),
    dim: style(2, 22),
  };
};

export type Paint = ReturnType<typeof painter>;

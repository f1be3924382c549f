/** Numbers among the arguments of a command. */
import { InvalidArgumentError } from "commander";

/**
 * Reads a number of one form.
 * @param form of the text
 * @param expected says what belongs there, for the message
 * @param fits whether the value is one that may be given
 */
export const numberLike =
  (form: RegExp, expected: string, fits: (value: number) => boolean = () => true) =>
  (text: string): number => {
    const value = Number(text);
    if (form.test(text) && fits(value)) return value;
    throw new InvalidArgumentError(expected);
  };

export const readRows = numberLike(/^[1-9]\d{0,11}$/, "A whole number of at least 1 is expected.");
export const readLevel = numberLike(
  /^0?\.\d{1,6}$/,
  "A number between 0 and 1 is expected, such as 0.95.",
  value => value !== 0,
);

/** Times as Feast stores them: whole seconds since 1970, in UTC. */
import { identifier } from "./literal.js";

/**
 * @param stored DuckDB's type of the column: times, or integers that are seconds already
 * @returns SQL of its values, or lists of them, as BIGINT
 */
export function wholeSeconds(name: string, list: boolean, stored: string): string {
  const isInteger = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)/.test(stored);
  const whole = (v: string): string =>
    isInteger ? `CAST(${v} AS BIGINT)` : `CAST(floor(epoch_us(CAST(${v} AS TIMESTAMPTZ)) / 1e6) AS BIGINT)`;
  return list ? `list_transform(${identifier(name)}, lambda v: ${whole("v")})` : whole(identifier(name));
}

/**
 * The series of one metric family that a server shows, without values: what differs between runs is not compared.
 */
import type { Mask } from "./calls.js";

export async function metricLines(port: number, family: string, mask: Mask): Promise<readonly string[]> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const lines = mask(await response.text()).split("\n");
  return lines.filter(line => line.startsWith(`${family}{`)).map(line => line.slice(0, line.lastIndexOf("}") + 1));
}

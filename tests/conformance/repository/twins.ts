/**
 * JavaScript modules that stand in for the recorded Python models of the configuration records, by record id.
 */
import type { Files } from "./records.js";

const ECHO = `export const execute = requests =>
  requests.map(({ inputs }) => ({ outputs: [{ ...inputs.INPUT0, name: "OUTPUT0" }] }));\n`;
const COMPLETE = (more: string): string => `${ECHO}export function autoCompleteConfig(builder) {
  builder.addInput({ name: "INPUT0", data_type: "TYPE_FP32", dims: [4] });
  builder.addOutput({ name: "OUTPUT0", data_type: "TYPE_FP32", dims: [4] });
  ${more}
}\n`;
const RAISES = `${ECHO}export function initialize() {
  throw Object.assign(new Error("no luck"), { name: "ValueError" });
}\n`;

const TWINS: Readonly<Record<string, string>> = {
  "python-02": COMPLETE(""),
  "python-03": COMPLETE("builder.setMaxBatchSize(8);"),
  "python-04": COMPLETE("builder.setMaxBatchSize(8); builder.setDynamicBatching();"),
  "python-06": COMPLETE(""),
  "python-10": RAISES,
  "python-21": RAISES,
};
/** What goes wrong there is Python's own: a missing file, its syntax, its class. */
const WITHOUT = new Set(["python-07", "python-08", "python-09"]);

/** Files to lay into the record's model folder. */
export function twinFiles(id: string): Files {
  if (!id.startsWith("python-") || WITHOUT.has(id)) return {};
  return { "1/model.mjs": TWINS[id] ?? ECHO };
}

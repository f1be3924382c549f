/**
 * Labels of a model version's series, and how they print.
 */
import type { ReadyVersion } from "../models/ready-version.js";

export type Labels = Readonly<Record<string, string>>;
export type LabeledVersion = Pick<ReadyVersion, "model" | "namespace" | "version" | "config">;

/** Only names of loaded models, their versions and their own tags become labels: no client can grow the set. */
export function labelsOf(version: LabeledVersion): Labels {
  const tags = Object.fromEntries(Object.entries(version.config.metric_tags).map(([key, value]) => [`_${key}`, value]));
  return { ...tags, ...nameLabels(version) };
}

export const printLabels = (labels: Labels): string =>
  `{${Object.keys(labels)
    .sort()
    .map(key => `${key}="${labels[key]!.replace(/[\\"\n]/g, char => (char === "\n" ? "\\n" : `\\${char}`))}"`)
    .join(",")}}`;

/** Without the model's tags. */
export const nameLabels = ({
  model,
  namespace,
  version,
}: Pick<ReadyVersion, "model" | "namespace" | "version">): Labels => ({
  model,
  ...(namespace && { namespace }),
  version: String(version),
});

/**
 * The limits of a model configuration: what a file or a load request may set before it costs memory or time by its numbers alone. Numbers without a row
 * here are only compared, shown or allocated on use; `tests/walls/config-numbers.test.ts` loads a model with the extremes of every number.
 */

/** Bytes of a `config.pbtxt`, and characters of the JSON of a load request. */
export const MAX_CONFIG_BYTES = 2 ** 20;

/** Entries of one list or map. */
export const MAX_ENTRIES = 16_384;

/** Entries of lists whose elements cost more than their text, by the names of the fields. */
export const MAX_ENTRIES_OF: Readonly<Record<string, number>> = {
  /** Each costs runs of the model before the server is ready. */
  model_warmup: 1024,
  /** Each is a line of every scrape of the metrics, for each model version. */
  "model_metrics.metric_control.histogram_options.buckets": 1024,
};

/** Maxima of numbers, by the names of the fields. */
export const MAX_NUMBERS: Readonly<Record<string, number>> = {
  /** Requests that one run of a sample consists of. */
  "model_warmup.batch_size": 65_536,
  /** Runs of a sample on each instance. */
  "model_warmup.count": 100_000,
  /** Instances that one group makes. */
  "instance_group.count": 4096,
};

/** Instances of all groups on all their devices: they cost memory before the first request. */
export const MAX_INSTANCES = 4096;

/** Runs of all samples on all instances. */
export const MAX_WARM_UP_RUNS = 100_000;

/** Milliseconds after which a version is served although runs of its warm-up are left. */
export const WARM_UP_MS = 60_000;

/**
 * Limit in bytes of tensors that the server makes from dimensions alone: a run of a warm-up sample, initial states of a sequence, absent
 * inputs.
 */
export const MAX_MADE_BYTES = 2 ** 28;

/**
 * Checks a configuration against the limits of `triton-protos/config-limits.ts` before anything is allocated for it.
 */
import { MAX_ENTRIES, MAX_ENTRIES_OF, MAX_INSTANCES, MAX_NUMBERS } from "../../../triton-protos/config-limits.js";
import { type Shape, shapeOf } from "../../../triton-protos/message-shape.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { refuse } from "../../base/errors.js";

type Fields = Readonly<Record<string, unknown>>;

/** @param model name for messages. @throws RuntimeFault that names the field, its value and the limit */
export function checkLimits(config: ModelConfig, model: string): void {
  checkMessage(shapeOf("inference.ModelConfig"), config as unknown as Fields, { model, path: "", shown: "" });
}

/** `path` is `model_warmup.count`, `shown` is `model_warmup[3].count`. */
interface Place {
  readonly model: string;
  readonly path: string;
  readonly shown: string;
}

function checkMessage(shape: Shape, message: Fields, parent: Place): void {
  for (const field of shape.fields.values()) {
    const value = message[field.name];
    if (value === undefined) continue;
    const place = inside(parent, field.name);
    if (typeof value === "number") checkNumber(value, place);
    else if (Array.isArray(value)) {
      checkCount(value.length, place);
      if (field.message)
        for (const [i, item] of value.entries())
          checkMessage(field.message, item as Fields, { ...place, shown: `${place.shown}[${i}]` });
    } else if (field.isMap) checkMap(field.message!, value as Fields, place);
    else if (field.message) checkMessage(field.message, value as Fields, place);
  }
}

function checkMap(entry: Shape, entries: Fields, place: Place): void {
  const keys = Object.keys(entries);
  checkCount(keys.length, place);
  const { message } = entry.fields.get("value")!;
  if (message)
    for (const key of keys)
      checkMessage(message, entries[key] as Fields, { ...place, shown: `${place.shown}[${JSON.stringify(key)}]` });
}

const inside = ({ model, path, shown }: Place, name: string): Place => ({
  model,
  path: path ? `${path}.${name}` : name,
  shown: shown ? `${shown}.${name}` : name,
});

function checkNumber(value: number, { model, path, shown }: Place): void {
  const most = MAX_NUMBERS[path];
  if (most !== undefined && value > most) refuse(`model '${model}': \`${shown}\` is ${value}; the maximum is ${most}`);
}

function checkCount(count: number, { model, path, shown }: Place): void {
  const most = MAX_ENTRIES_OF[path] ?? MAX_ENTRIES;
  if (count > most) refuse(`model '${model}': \`${shown}\` has ${count} entries; the maximum is ${most}`);
}

/** @throws RuntimeFault if the groups make too many instances together; a group on GPUs has its count on each */
export function checkInstances({ name, instance_group }: ModelConfig): void {
  const count = instance_group.reduce(
    (sum, { kind, gpus, count }) => sum + count * (kind === "KIND_GPU" ? Math.max(1, gpus.length) : 1),
    0,
  );
  if (count > MAX_INSTANCES)
    refuse(`model '${name}' has ${count} instances in its \`instance_group\`; write at most ${MAX_INSTANCES}`);
}

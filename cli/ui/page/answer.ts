/** Sends the form's request and shows the response as tables. */
import { at, element } from "./elements.js";
import { printMs } from "./figures.js";
import type { BinaryRequest } from "./form.js";
import { call, pathName } from "./server-calls.js";
import type { Tensor } from "./state.js";
import { decode } from "./tensor-codec.js";
import { type Shown, tensorTables } from "./tensor-table.js";

interface Head {
  readonly model_version?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly (Tensor & {
    readonly shape: readonly number[];
    readonly parameters?: { readonly binary_data_size?: number };
  })[];
}

const LENGTH = "inference-header-content-length";
/** For the parameters, which may be long. */
const MOST_TEXT = 20_000;

export function say(text: string, kind: "bad" | "soft"): void {
  at("console").textContent = text;
  at("console").className = kind;
}

export async function send(model: string, { head, tensors }: BinaryRequest): Promise<void> {
  at("answer").replaceChildren();
  say("Waiting for the response …", "soft");
  const json = new TextEncoder().encode(JSON.stringify(head));
  const began = performance.now();
  const got = await call(`/v2/models/${pathName(model)!}/infer`, {
    method: "POST",
    headers: { "content-type": "application/octet-stream", [LENGTH]: String(json.byteLength) },
    body: new Blob([json, ...tensors]),
  });
  const bytes = new Uint8Array(await got.arrayBuffer());
  const ms = performance.now() - began;
  if (!got.ok) {
    say(errorOf(new TextDecoder().decode(bytes)), "bad");
    return;
  }
  const length = Number(got.headers.get(LENGTH) ?? bytes.byteLength);
  show(JSON.parse(new TextDecoder().decode(bytes.subarray(0, length))) as Head, bytes.subarray(length), ms);
}

function errorOf(text: string): string {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? text;
  } catch {
    return text;
  }
}

function show({ model_version, parameters, outputs = [] }: Head, bytes: Uint8Array, ms: number): void {
  let from = 0;
  const tensors = outputs.map(({ name, datatype, shape, parameters }): Shown => {
    const size = parameters?.binary_data_size ?? 0;
    const own = bytes.subarray(from, from + size);
    from += size;
    return { name, datatype, shape, elements: decode(datatype, own) };
  });
  say(`Version ${model_version ?? "?"} responded in ${printMs(ms)}.`, "soft");
  const text = JSON.stringify(parameters ?? {}, null, 2);
  at("answer").replaceChildren(
    ...tensorTables(tensors),
    ...(parameters
      ? [
          element(
            "details",
            "",
            {},
            element("summary", "Parameters"),
            element("pre", text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text, { tabindex: "0" }),
          ),
        ]
      : []),
  );
}

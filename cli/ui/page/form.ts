/** The form of a model's inputs: a field per input, prefilled with values that the model takes. */

import type { PrintedTensor } from "../../../runtime/server/observe/tracing/print-head.js";
import { at, element } from "./elements.js";
import { printCount } from "./figures.js";
import type { Metadata, Tensor } from "./state.js";
import { encode } from "./tensor-codec.js";
import { nestText, parseTensor, sampleText } from "./tensor-text.js";

const VALIDITY = "__validity";
/** With more inputs there is a field that filters them. */
const MANY = 12;

export interface BinaryRequest {
  readonly head: object;
  readonly tensors: readonly Uint8Array<ArrayBuffer>[];
}

let shown = "";

/** A form that shows the same inputs already keeps what the reader typed. */
export function showForm({ name, inputs }: Metadata): void {
  const key = JSON.stringify([name, inputs]);
  if (key === shown) return;
  shown = key;
  const fields = inputs.filter(({ name }) => !isValidity(name, inputs)).map(fieldOf);
  const filter = element("input", "", {
    type: "search",
    placeholder: `Filter ${printCount(fields.length)} inputs`,
    "aria-label": "Filter inputs by name",
  }) as HTMLInputElement;
  filter.addEventListener("input", () => {
    for (const field of fields) field.hidden = !field.dataset.field!.toLowerCase().includes(filter.value.toLowerCase());
  });
  const parameters = element(
    "div",
    "",
    { class: "field" },
    element("label", "", { for: "parameters" }, element("b", "parameters"), element("span", "JSON, optional")),
    element("textarea", "", { id: "parameters", placeholder: '{"seed": 1}', rows: "1", spellcheck: "false" }),
  );
  at("form").replaceChildren(
    ...(fields.length > MANY ? [element("div", "", { class: "bar-row" }, filter)] : []),
    element("div", "", { id: "fields" }, ...fields),
    parameters,
    element("div", "", { class: "bar-row" }, element("span")),
  );
  at("form").lastElementChild!.replaceChildren(
    element("button", "Send", { type: "submit", class: "main" }),
    element("span", "Ctrl+Enter", { class: "soft" }),
  );
}

export function clearForm(): void {
  shown = "";
  at("form").replaceChildren();
}

/** An input that says which values of another are null: nulls of that one fill it. */
const isValidity = (name: string, inputs: readonly Tensor[]): boolean =>
  name.endsWith(VALIDITY) && inputs.some(input => input.name === name.slice(0, -VALIDITY.length));

function fieldOf(tensor: Tensor): HTMLElement {
  const text = sampleText(tensor);
  const type = `${tensor.datatype} [${tensor.shape.join(", ")}]`;
  return element(
    "div",
    "",
    { class: "field", "data-field": tensor.name },
    element("label", "", { for: `in-${tensor.name}` }, element("b", tensor.name), element("span", type)),
    element("textarea", text, {
      id: `in-${tensor.name}`,
      rows: text.length > 90 ? "3" : "1",
      spellcheck: "false",
      title: "A JSON list. One value alone fills the whole tensor.",
    }),
  );
}

/** @returns the request, or undefined after the field with the mistake has the focus @param say is called with the mistake */
export function readForm({ inputs }: Metadata, id: string, say: (mistake: string) => void): BinaryRequest | undefined {
  const heads: object[] = [];
  const tensors: Uint8Array<ArrayBuffer>[] = [];
  const add = (name: string, datatype: string, shape: readonly number[], bytes: Uint8Array<ArrayBuffer>): void => {
    heads.push({ name, datatype, shape, parameters: { binary_data_size: bytes.byteLength } });
    tensors.push(bytes);
  };
  const mistaken = (field: HTMLElement, message: string): undefined => {
    field.setAttribute("aria-invalid", "true");
    say(message);
    field.focus();
  };
  for (const input of inputs) {
    if (isValidity(input.name, inputs)) continue;
    const field = at<HTMLTextAreaElement>(`in-${input.name}`);
    field.removeAttribute("aria-invalid");
    try {
      const { shape, values } = parseTensor(field.value, input);
      const validity = inputs.find(({ name }) => name === input.name + VALIDITY);
      const filled = validity ? values.map(value => (value === null ? emptyOf(input.datatype) : value)) : values;
      add(input.name, input.datatype, shape, encode(input.datatype, filled));
      if (validity && values.includes(null))
        add(
          validity.name,
          validity.datatype,
          shape,
          encode(
            "BOOL",
            values.map(value => value !== null),
          ),
        );
    } catch (error) {
      return mistaken(field, `${input.name}: ${(error as Error).message}`);
    }
  }
  const field = at<HTMLTextAreaElement>("parameters");
  field.removeAttribute("aria-invalid");
  try {
    const own = field.value.trim() === "" ? {} : (JSON.parse(field.value) as object);
    return { head: { id, parameters: { ...own, binary_data_output: true }, inputs: heads }, tensors };
  } catch (error) {
    return mistaken(field, `parameters: ${(error as Error).message}`);
  }
}

const emptyOf = (datatype: string): number | string | boolean =>
  datatype === "BYTES" ? "" : datatype === "BOOL" ? false : 0;

/** Fills the fields with a request's inputs, as far as they are known whole. */
export function fillForm(inputs: readonly PrintedTensor[]): void {
  for (const { name, shape, values } of inputs) {
    const field = document.getElementById(`in-${name}`) as HTMLTextAreaElement | null;
    const whole = shape.reduce((all, size) => all * size, 1) === values.length;
    if (field && whole) field.value = nestText(shape, values);
  }
}

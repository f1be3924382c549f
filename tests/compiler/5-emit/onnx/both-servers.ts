/**
 * One program built for Merlon and for a stock Triton in both forms, served side by side with the same requests. The stock Triton's form
 * also runs on its ONNX Runtime.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import type { Plan } from "#contract/plan.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { serve } from "#runtime/server/index.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { wireDatatype } from "#triton-protos/datatype.js";
import { type Answer, askBinary } from "../../ask-binary.js";
import { startOnnxTriton } from "./onnx-triton.js";

export const FORMS = ["executor", "steps", "fused"] as const;
export type Form = (typeof FORMS)[number];
/** Triton's ONNX Runtime instead of our server. */
export const STOCK = ["steps", "fused"] as const;
export type Program = Extract<Awaited<ReturnType<typeof compile>>, { ok: true }>;

/** Answers as plain numbers and texts by name, or the fault. */
export type Plain =
  | Readonly<
      Record<string, { readonly dtype: string; readonly shape: readonly number[]; readonly values: readonly unknown[] }>
    >
  | { readonly error: string };

export async function compiledProgram(file: string): Promise<Program> {
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  return compiled;
}

export interface Served {
  readonly folder: string;
  readonly plan: Plan;
  /** Version of ONNX Runtime for `askStock`. */
  readonly onnxruntime: string;
  ask(form: Form, model: string, tensors: readonly Tensor[]): Promise<Plain>;
  /** @throws Error for a configuration that a Triton would not load */
  askStock(form: (typeof STOCK)[number], model: string, tensors: readonly Tensor[]): Promise<Plain>;
  stop(): Promise<void>;
}

/** @param programs all in one repository per form */
export async function serveForms(programs: readonly Program[]): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "merlon-triton-"));
  for (const program of programs) {
    build(program, join(folder, "executor"));
    build(program, join(folder, "steps"), { triton: { freeze: freezeFeatures } });
    build(program, join(folder, "fused"), { triton: { freeze: freezeFeatures, fuse: true } });
  }
  const local = { address: "127.0.0.1", port: 0 };
  const servers = await Promise.all(
    FORMS.map(form =>
      serve({
        modelRepositories: [join(folder, form)],
        http: local,
        grpc: false,
        metrics: false,
        writeLog: () => {},
        // As `--disable-auto-complete-config`: nothing is added to what was built.
        disableAutoComplete: true,
      }),
    ),
  );
  const stock = await startOnnxTriton();
  return {
    folder,
    plan: programs[0]!.plan,
    onnxruntime: stock.version,
    askStock: async (form, model, tensors) => plain(await stock.ask(join(folder, form), model, tensors)),
    ask: async (form, model, tensors) => {
      const answer = await askBinary(
        servers[FORMS.indexOf(form)]!.ports.http!,
        model,
        tensors,
        form === "executor" ? { seed: 5 } : {},
      );
      return plain(answer);
    },
    stop: async () => {
      stock.stop();
      for (const server of servers) await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function plain(answer: Answer): Plain {
  if ("error" in answer) return answer as { error: string };
  return Object.fromEntries(
    Object.entries(answer).map(([name, [dtype, shape, hex]]) => [
      name,
      { dtype, shape, values: decode(dtype, Buffer.from(hex, "hex")) },
    ]),
  );
}

function decode(dtype: string, bytes: Buffer): unknown[] {
  const { array } = wireDatatype(dtype)!;
  if (array) return Array.from(new array(Uint8Array.from(bytes).buffer) as unknown as ArrayLike<unknown>);
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    texts.push(bytes.toString("utf8", at + 4, at + 4 + size));
    at += 4 + size;
  }
  return texts;
}

/** Numbers agree to 1e-5, relative; all else exactly. */
export function expectAlike(actual: Plain, wanted: Plain, what: unknown): void {
  if ("error" in wanted || "error" in actual) {
    expect([what, "error" in actual ? "fault" : actual]).toEqual([what, "error" in wanted ? "fault" : wanted]);
    return;
  }
  expect([what, Object.entries(actual).map(([name, { dtype, shape }]) => [name, dtype, shape])]).toEqual([
    what,
    Object.entries(wanted).map(([name, { dtype, shape }]) => [name, dtype, shape]),
  ]);
  for (const [name, { values, dtype }] of Object.entries(wanted)) {
    const seen = (actual as Exclude<Plain, { error: string }>)[name]!.values;
    if (!dtype.startsWith("FP")) expect([what, name, seen]).toEqual([what, name, values]);
    else
      values.forEach((value, i) => {
        const [x, y] = [seen[i] as number, value as number];
        const near = Object.is(x, y) || x === y || Math.abs(x - y) <= 1e-5 * Math.max(1, Math.abs(y));
        if (!near) expect([what, name, i, x]).toEqual([what, name, i, y]);
      });
  }
}

/** What a Triton ensemble has no way to say, whatever its models are. */
import { type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { KEEP, LoweringFault } from "../../../operators/shared/onnx/lowering.js";
import { NotLoweredError } from "./lower-plan.js";

const passed = ({ ref, schema }: Plan["outputs"][number]) => ref.step === REQUEST_STEP && ref.column === schema.name;

/** @throws NotLoweredError with a way out */
export function refuseNothing({ name, outputs }: Plan): void {
  if (outputs.every(passed))
    throw new NotLoweredError(name, [
      new LoweringFault(
        `\`${name}\` answers columns of the request as they are: a Triton ensemble needs a step that makes something`,
        "Build with `--fuse`.",
      ),
    ]);
}

/** @throws NotLoweredError with a way out */
export function refuseClashes({ name, inputs, outputs }: Plan): void {
  const clash = outputs.find(output => inputs.some(c => c.name === output.schema.name) && !passed(output));
  if (clash)
    throw new NotLoweredError(name, [
      new LoweringFault(
        `\`${name}\` answers \`${clash.schema.name}\`, and the request has another column of that name: a graph and an ensemble have one tensor of a name`,
        `Rename the answer (\`>> rename({ postfix: "_out" })\`), or ${KEEP}.`,
        clash.ref.step === REQUEST_STEP ? undefined : clash.ref.step,
      ),
    ]);
}

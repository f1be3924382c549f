/** `merlon doctor`: what this machine has for Merlon, what is missing, and the line to type. */
import { Command, InvalidArgumentError } from "commander";
import { names } from "./names.js";

interface Options {
  readonly gpu?: true | string;
  readonly json?: true;
  readonly need: readonly string[];
}

const GPUS = ["auto", "cuda", "webgpu"];

const readGpu = (text: string): string => {
  if (GPUS.includes(text)) return text;
  throw new InvalidArgumentError(`It takes ${GPUS.join(", ")}.`);
};

export const doctorCommand = (): Command =>
  new Command("doctor")
    .description(
      "show what this machine has for Merlon, the settings that follow, what is missing, and the line to type",
    )
    .option("--gpu [provider]", "run a model on each GPU (demands one: auto, cuda or webgpu)", readGpu)
    .option("--need <names>", "required parts (such as onnxruntime-node,faiss-node)", names, [])
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ merlon doctor
  $ merlon doctor --need node,onnxruntime-node      # in an image's build
  $ merlon doctor --gpu cuda --json

Each native part is loaded in a process of its own. The exit status is 1 if a part that --need or --gpu names can't be used.`,
    )
    .action(async ({ gpu, json, need }: Options) => {
      const [{ machineFindings }, { settingFindings }, { nativeFindings }, { gpuFindings }, { printReport, reportOf }] =
        await Promise.all([
          import("./doctor/machine.js"),
          import("./doctor/settings.js"),
          import("./doctor/native-parts.js"),
          import("./doctor/gpu.js"),
          import("./doctor/finding.js"),
        ]);
      const base = [...machineFindings(), ...settingFindings(), ...(await nativeFindings())];
      const isOfGpu = need.some(name => !base.some(finding => finding.name === name));
      const findings = gpu !== undefined || isOfGpu ? [...base, ...(await gpuFindings())] : base;
      const unknown = need.find(name => !findings.some(finding => finding.name === name));
      if (unknown !== undefined)
        throw new Error(
          `--need: there is no part \`${unknown}\`; they are: ${findings.map(({ name }) => name).join(", ")}`,
        );
      const report = reportOf(findings, [...need, ...demandedGpu(gpu, findings)]);
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : printReport(report));
      if (!report.ok) process.exitCode = 1;
    });

/** `auto` is met by either provider. */
function demandedGpu(
  gpu: Options["gpu"],
  findings: readonly { readonly name: string; readonly state: string }[],
): readonly string[] {
  if (gpu === undefined) return [];
  if (gpu !== true && gpu !== "auto") return [gpu];
  const usable = findings.find(({ name, state }) => (name === "cuda" || name === "webgpu") && state === "ok");
  return [usable?.name ?? "GPU"];
}

/** The flags of `--target triton` → the compiler's options, with a way to read stores as a whole. */
import type { TritonOptions } from "../compiler/index.js";

interface TritonFlags {
  readonly target: "merlon" | "triton";
  readonly fuse?: boolean;
  readonly tritonRelease?: string;
  readonly ivf?: "probe" | "exact";
  readonly features?: "frozen" | "inputs";
}

/** Features are read by the runtime, which has the stores. @throws Error for a flag that means nothing without `--target triton` */
export async function tritonOptions(options: TritonFlags): Promise<TritonOptions | undefined> {
  const { target, fuse, tritonRelease, ivf, features } = options;
  if (target === "triton") {
    const { freezeFeatures } = await import("../runtime/stores/feast/freeze-features.js");
    return {
      freeze: freezeFeatures,
      ...(fuse && { fuse }),
      ...(tritonRelease !== undefined && { release: tritonRelease }),
      ...(ivf && { ivf }),
      ...(features && { features }),
    };
  }
  const stray = Object.entries({ fuse, "triton-release": tritonRelease, ivf, features }).find(([, value]) => value);
  if (stray) throw new Error(`\`--${stray[0]}\` is of \`--target triton\`. Add it, or leave \`--${stray[0]}\` out.`);
  return undefined;
}

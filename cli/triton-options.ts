/** The flags of `--target triton` → the compiler's options, with a way to read stores as a whole. */

import type { TritonOptions } from "../compiler/index.js";
import { defined } from "../contract/defined.js";

export interface TritonFlags {
  readonly target?: "merlon" | "triton";
  readonly fuse?: boolean;
  readonly tritonRelease?: string;
  readonly ivf?: "probe" | "exact";
  readonly features?: "frozen" | "inputs";
  readonly date?: string;
}

/** Features are read by the runtime, which has the stores. @throws Error for a flag that means nothing without `--target triton` */
export async function tritonOptions(options: TritonFlags): Promise<TritonOptions | undefined> {
  const { target, fuse, tritonRelease, ivf, features, date } = options;
  if (target === "triton") {
    const { freezeFeatures } = await import("../runtime/stores/feast/freeze-features.js");
    const now = dateOf(date);
    return {
      freeze: freezeFeatures,
      ...(now !== undefined && { now }),
      ...(fuse && { fuse }),
      ...defined({ release: tritonRelease, ivf, features }),
    };
  }
  const stray = Object.entries({ fuse, "triton-release": tritonRelease, ivf, features, date }).find(
    ([, value]) => value,
  );
  if (stray) throw new Error(`\`--${stray[0]}\` is of \`--target triton\`. Add it, or leave \`--${stray[0]}\` out.`);
  return undefined;
}

/** Seconds since 1970 of `--date`, or of the variable of reproducible builds. @throws Error for an invalid date */
function dateOf(given: string | undefined): number | undefined {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  if (given === undefined) return epoch && /^\d+$/.test(epoch) ? Number(epoch) : undefined;
  const seconds = Math.floor(Date.parse(given) / 1000);
  if (Number.isNaN(seconds))
    throw new Error(`\`--date ${given}\` is not a date: write it as in 2026-01-31 or 2026-01-31T12:00:00Z.`);
  return seconds;
}

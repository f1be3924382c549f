/** The transforms of a FAISS file that vectors go through before they are compared (`IxPT`). */
import { damaged, FaissFileError, type FaissReader, flag } from "./faiss-reader.js";

interface Transform {
  /** Whether it matches the dimensions that precede it. */
  fits(from: number, to: number): boolean;
  /** The output of a vector of length n is no longer than `stretch × n + shift`. */
  readonly stretch: number;
  readonly shift: number;
}
export interface Transforms {
  /** The dimension of the output. */
  readonly dimension: number;
  /** The most dimensions on the way. */
  readonly widest: number;
  readonly stretch: number;
  readonly shift: number;
}
const MAX_TRANSFORMS = 16;

/** Reads all of them. */
export function transforms(r: FaissReader, dimension: number): Transforms {
  const count = r.int32();
  if (count < 0 || count > MAX_TRANSFORMS) throw damaged(r.where, `${count} transforms`);
  let all: Transforms = { dimension, widest: dimension, stretch: 1, shift: 0 };
  for (let i = 0; i < count; i++) all = transform(r, all);
  if (!Number.isFinite(all.stretch + all.shift))
    throw damaged(r.where, "a transform holds numbers that are not finite");
  return all;
}

function transform(r: FaissReader, { dimension, ...before }: Transforms): Transforms {
  const kind = r.fourcc();
  const { fits, stretch, shift } = body(r, kind);
  const from = r.int32();
  const to = r.int32();
  if (from !== dimension || to < 1 || to > 65_536 || !fits(from, to))
    throw damaged(r.where, `the transform \`${kind}\` of ${from} to ${to} dimensions meets vectors of ${dimension}`);
  if (!flag(r, "whether a transform is trained"))
    throw new FaissFileError(`${r.where} has a transform that was never trained. Train the index first.`);
  return {
    dimension: to,
    widest: Math.max(before.widest, to),
    stretch: stretch * before.stretch,
    shift: stretch * before.shift + shift,
  };
}

function body(r: FaissReader, kind: string): Transform {
  switch (kind) {
    case "rrot":
    case "LTra":
      return linear(r);
    case "PCAm":
    case "PcAm":
    case "Pcam":
      r.skip(4, "the power of eigenvalues");
      if (kind === "Pcam") r.skip(4, "epsilon");
      flag(r, "whether it is rotated");
      if (kind !== "PCAm") r.skip(4, "bins");
      for (const what of ["the mean", "eigenvalues", "eigenvectors"]) r.skip(r.count() * 4, what);
      return linear(r);
    case "RmDT": {
      const count = r.count();
      const map = r.view(count * 4);
      const fits = (from: number, to: number) =>
        count === to &&
        Array.from({ length: count }, (_, i) => map.getInt32(i * 4, true)).every(at => at >= -1 && at < from);
      // A dimension may be taken twice.
      return { fits, stretch: Math.sqrt(count), shift: 0 };
    }
    case "VNrm": {
      const norm = r.float32();
      if (norm !== 2)
        throw new FaissFileError(`${r.where} brings vectors to length 1 by norm ${norm}; served is norm 2.`);
      return { fits: (from, to) => from === to, stretch: 1, shift: 0 };
    }
    case "VCnt": {
      const count = r.count();
      return { fits: (from, to) => from === to && count === from, stretch: 1, shift: length(r, count) };
    }
    default:
      throw new FaissFileError(
        `${r.where} has a transform of kind \`${JSON.stringify(kind).slice(1, -1)}\`, which is not served. Served are OPQ, PCA, random rotations, L2norm, centring and padding.`,
      );
  }
}

function linear(r: FaissReader): Transform {
  const biased = flag(r, "whether there is a bias");
  const matrix = r.count();
  const stretch = length(r, matrix);
  const bias = r.count();
  const shift = length(r, bias);
  return { fits: (from, to) => matrix === from * to && (!biased || bias === to), stretch, shift: biased ? shift : 0 };
}

/** Length of the next vector of floats; a matrix stretches by no more than its length as a vector. */
function length(r: FaissReader, count: number): number {
  const numbers = r.view(count * 4);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += numbers.getFloat32(i * 4, true) ** 2;
  return Math.sqrt(sum);
}

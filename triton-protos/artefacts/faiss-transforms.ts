/** The transforms of a FAISS file that vectors go through before they are compared (`IxPT`). */
import { damaged, FaissFileError, type FaissReader, flag } from "./faiss-reader.js";

/** What a transform wants of the dimensions, which stand behind it. */
type Fits = (from: number, to: number) => boolean;
const MAX_TRANSFORMS = 16;

/** Steps over all of them. @returns the dimension of what comes out */
export function transforms(r: FaissReader, dimension: number): number {
  const count = r.int32();
  if (count < 0 || count > MAX_TRANSFORMS) throw damaged(r.where, `${count} transforms`);
  let from = dimension;
  for (let i = 0; i < count; i++) from = transform(r, from);
  return from;
}

function transform(r: FaissReader, dimension: number): number {
  const kind = r.fourcc();
  const fits = body(r, kind);
  const from = r.int32();
  const to = r.int32();
  if (from !== dimension || to < 1 || to > 65_536 || !fits(from, to))
    throw damaged(r.where, `the transform \`${kind}\` of ${from} to ${to} dimensions meets vectors of ${dimension}`);
  if (!flag(r, "whether a transform is trained"))
    throw new FaissFileError(`${r.where} has a transform that was never trained. Train the index first.`);
  return to;
}

function body(r: FaissReader, kind: string): Fits {
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
      return (from, to) =>
        count === to &&
        Array.from({ length: count }, (_, i) => map.getInt32(i * 4, true)).every(at => at >= -1 && at < from);
    }
    case "VNrm": {
      const norm = r.float32();
      if (norm !== 2)
        throw new FaissFileError(`${r.where} brings vectors to length 1 by norm ${norm}; served is norm 2.`);
      return (from, to) => from === to;
    }
    case "VCnt": {
      const count = r.count();
      r.skip(count * 4, "the centre");
      return (from, to) => from === to && count === from;
    }
    default:
      throw new FaissFileError(
        `${r.where} has a transform of kind \`${JSON.stringify(kind).slice(1, -1)}\`, which is not served. Served are OPQ, PCA, random rotations, L2norm, centring and padding.`,
      );
  }
}

function linear(r: FaissReader): Fits {
  const biased = flag(r, "whether there is a bias");
  const matrix = r.count();
  r.skip(matrix * 4, "the matrix of a transform");
  const bias = r.count();
  r.skip(bias * 4, "the bias of a transform");
  return (from, to) => matrix === from * to && (!biased || bias === to);
}

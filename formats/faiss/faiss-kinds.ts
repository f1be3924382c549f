/** Kinds of FAISS indexes that are not served, by the four letters that they are written with. */
import { FaissFileError } from "./faiss-reader.js";

const SERVED =
  "Flat, PQ and SQ, IVF and HNSW of those, with IDMap, a transform (OPQ, PCA, L2norm, random rotation) or a refinement around them";

/** Letters → as FAISS' factory spells them, or its class. */
const NAMES: Readonly<Record<string, string>> = {
  IPfs: "PQ…fs (fast scan)",
  IwPf: "IVF…,PQ…fs (fast scan)",
  IwQR: "IVF…,PQ…+…",
  IwFd: "IVF…,FlatDedup",
  Imiq: "IMI (MultiIndexQuantizer)",
  IxHe: "LSH",
  IxRq: "RQ (residual quantizer)",
  IxLS: "LSQ (local search quantizer)",
  IwRQ: "IVF…,RQ",
  IwLS: "IVF…,LSQ",
  INSf: "NSG",
  IHNc: "HNSW of cuVS' CAGRA",
  IHc2: "HNSW of cuVS' CAGRA",
  Ixrq: "RaBitQ",
  Ixrr: "RaBitQ of several bits",
  Irfs: "RaBitQfs",
  Iwrq: "IVF…,RaBitQ",
  Iwrr: "IVF…,RaBitQ of several bits",
  Irfn: "RaBitQfs",
  Iwrf: "IVF…,RaBitQfs",
  Iwrn: "IVF…,RaBitQfs",
  IxEe: "EDEN",
  IxFP: "FlatPanorama",
  IxFp: "FlatPanorama",
  IwPn: "IVF…,FlatPanorama",
  IwP2: "IVF…,FlatPanorama",
  IHfP: "HNSW…,FlatPanorama",
  IxRP: "a refinement by FlatPanorama",
  IwSh: "IVF…,ITQ (spectral hash)",
  Ix2L: "Residual…,PQ",
};

/** @param within whether it is inside another index */
export function notServed(where: string, letters: string, within: boolean): FaissFileError {
  const place = within ? "holds, inside another, a FAISS index" : "is a FAISS index";
  const printed = JSON.stringify(letters).slice(1, -1);
  if (letters.startsWith("IB"))
    return new FaissFileError(
      `${where} ${place} of bits (\`${printed}\`, an \`IndexBinary\`), which is not served: queries are vectors of float32. Build one of the float vectors.`,
    );
  const name = NAMES[letters];
  return new FaissFileError(
    `${where} ${place} of kind \`${printed}\`${name ? `, ${name}` : ""}, which is not served${within ? " there" : ""}. Served are ${SERVED}.`,
  );
}

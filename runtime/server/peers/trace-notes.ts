/**
 * The notes of a traced request that ran at another worker. They are recorded there, sent with the response, and written to the trace of the
 * worker that received the request. Tensors are sent as bytes.
 */
import type { Tensor } from "../../base/tensor.js";
import type {
  CustomMoment,
  Moment,
  TensorActivity,
  TracedStage,
  TraceLevels,
  TraceNotes,
} from "../observe/tracing/trace.js";
import { aligned, FRAME, finishFrame, HEADER } from "./frames.js";
import { BadFrame, Packer, Unpacker } from "./packer.js";

/** Larger tensors are not kept by traces either. */
const MAX_TENSOR_BYTES = 2 ** 20;
const MAX_NOTES = 4096;

/** A stage whose tensors are numbers of the frame's. */
type SentStage = Omit<TracedStage, "tensors"> & { readonly tensors?: readonly number[] };
type Note =
  | readonly ["begin", string, number, string]
  | readonly ["stamp", Moment | CustomMoment, number]
  | readonly ["note", TensorActivity, readonly number[]]
  | readonly ["ran", readonly SentStage[], string | null]
  | readonly ["fail", string]
  | readonly ["child", readonly Note[]];

/** Nanoseconds between the machine's monotonic clock and this process's `performance.now()`. */
const clockBase = (): number => Number(process.hrtime.bigint()) - performance.now() * 1e6;

export interface RecordedNotes {
  readonly notes: TraceNotes;
  encode(id: number, load: number): readonly Uint8Array[];
}

export function recordNotes(levels: TraceLevels, traceparent: string | undefined): RecordedNotes {
  const tensors: Tensor[] = [];
  let left = MAX_NOTES;
  const keep = (given: Iterable<Tensor>): number[] => {
    const numbers: number[] = [];
    for (const tensor of given) {
      if (tensor.data.byteLength > MAX_TENSOR_BYTES || tensors.length >= MAX_NOTES) continue;
      numbers.push(tensors.push({ ...tensor, data: Uint8Array.from(tensor.data) }) - 1);
    }
    return numbers;
  };
  const recorder = (notes: Note[]): TraceNotes => {
    const add = (note: Note): void => {
      if (left-- > 0) notes.push(note);
    };
    return {
      levels,
      traceparent,
      begin: (model, version, id) => add(["begin", model, version, id]),
      stamp: (moment, ns = performance.now() * 1e6) => add(["stamp", moment, ns]),
      note(activity, given) {
        if (levels.tensors) add(["note", activity, keep(given)]);
      },
      ran: (stages, explain) => add(["ran", stages.map(stage => sentStage(stage, keep)), explain ?? null]),
      fail: message => add(["fail", message]),
      child() {
        const own: Note[] = [];
        add(["child", own]);
        return recorder(own);
      },
      end() {},
    };
  };
  const all: Note[] = [];
  return {
    notes: recorder(all),
    encode(id, load) {
      const packer = new Packer().begin(HEADER);
      packer.f64(clockBase());
      packer.text(JSON.stringify(all));
      packer.u32(tensors.length);
      for (const { name, datatype, shape, data } of tensors) {
        packer.text(name);
        packer.text(datatype);
        packer.text(JSON.stringify(shape));
        packer.u32(data.byteLength);
      }
      return finishFrame(packer, FRAME.notes, id, load, tensors);
    },
  };
}

const sentStage = ({ tensors, ...stage }: TracedStage, keep: (given: Iterable<Tensor>) => number[]): SentStage =>
  tensors ? { ...stage, tensors: keep(tensors) } : stage;

/** Writes the notes of a frame into a trace of this process. @throws BadFrame */
export function replayNotes(trace: TraceNotes, body: Buffer, head: number): void {
  const from = new Unpacker(body, 0, head);
  const shift = from.f64() - clockBase();
  const notes = JSON.parse(from.text()) as readonly Note[];
  const tensors: Tensor[] = [];
  let at = head;
  for (let left = from.count(16); left > 0; left--) {
    const [name, datatype, shape, size] = [from.text(), from.text(), from.text(), from.u32()];
    const start = aligned(at);
    at = start + size;
    if (at > body.length) throw new BadFrame("notes without their tensors");
    tensors.push({
      name,
      datatype: datatype as Tensor["datatype"],
      shape: JSON.parse(shape) as number[],
      data: body.subarray(start, at),
    });
  }
  from.end();
  replay(trace, notes, shift, tensors);
}

function replay(trace: TraceNotes, notes: readonly Note[], shift: number, tensors: readonly Tensor[]): void {
  const found = (numbers: readonly number[]): Tensor[] => numbers.map(number => tensors[number]!);
  for (const note of notes)
    switch (note[0]) {
      case "begin":
        trace.begin(note[1], note[2], note[3]);
        break;
      case "stamp":
        trace.stamp(note[1], note[2] + shift);
        break;
      case "note":
        trace.note(note[1], found(note[2]));
        break;
      case "ran":
        trace.ran(
          note[1].map(({ tensors: numbers, ...stage }) => ({
            ...stage,
            startNs: stage.startNs + shift,
            endNs: stage.endNs + shift,
            ...(numbers && { tensors: found(numbers) }),
          })),
          note[2] ?? undefined,
        );
        break;
      case "fail":
        trace.fail(note[1]);
        break;
      case "child":
        replay(trace.child(), note[1], shift, tensors);
    }
}

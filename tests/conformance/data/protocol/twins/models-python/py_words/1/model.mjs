// Counterpart of the recorded Python model: splits TEXT into words, one response each; LIMIT bounds their number.
// The end comes late, as recorded: an ensemble has passed on the last word by then, and marks no word as its last response.
export function execute(requests) {
  for (const request of requests) {
    request.hold();
    setTimeout(() => request.close(), 20);
    const { TEXT, LIMIT } = request.inputs;
    const words = TEXT.data[0].toString().split(/\s+/).filter(Boolean).slice(0, LIMIT?.data[0]);
    for (const word of words) {
      if (word === "boom") request.send({ error: "word refused", code: "UNAVAILABLE" });
      else
        request.send({
          outputs: [
            { name: "WORD", datatype: "BYTES", shape: [1], data: [word] },
            { name: "LENGTH", datatype: "INT32", shape: [1], data: [word.length] },
          ],
        });
    }
  }
}

import { source, workflow } from "merlon";

const events = source({ price: "float32" });

function countTo(limit: number): number {
  let n = 0;
  while (n !== limit) {
    n += 2;
  }
  return n;
}

const size = countTo(9);

export default workflow(`w${size}`, events);

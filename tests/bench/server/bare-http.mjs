/**
 * The bound of an HTTP server in Node: sockets of node:net and nothing else. The tensor of an `infer` request follows a fixed head and fixed JSON, as the
 * output of an identity model does. A later request of the same length counts as an equal one. Prints its port.
 */
import { createServer } from "node:net";

const [LENGTH, HEADER_LENGTH] = [/\r\ncontent-length: *(\d+)/i, /\r\ninference-header-content-length: *(\d+)/i];
const BLANK = "\r\n\r\n";

/** The head and JSON of each response to a request with `count` numbers behind its JSON. */
function frontOf(count) {
  const shape = `"shape":[1,${count}],"parameters":{"binary_data_size":${count * 4}}`;
  const json = `{"model_name":"ident","model_version":"1","outputs":[{"name":"OUTPUT0","datatype":"FP32",${shape}}]}`;
  const head = [
    "HTTP/1.1 200 OK",
    "Content-Type: application/octet-stream",
    `Inference-Header-Content-Length: ${json.length}`,
    `Content-Length: ${json.length + count * 4}`,
  ];
  return Buffer.from(`${head.join("\r\n")}${BLANK}${json}`);
}

const server = createServer({ noDelay: true }, socket => {
  let [waiting, size, behind, front] = [Buffer.alloc(0), -1, 0, undefined];
  socket.on("error", () => {});
  socket.on("data", chunk => {
    if (chunk.length === size && waiting.length === 0) {
      socket.write(Buffer.concat([front, chunk.subarray(size - behind)]));
      return;
    }
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const end = waiting.indexOf(BLANK);
      if (end < 0) return;
      const text = waiting.toString("latin1", 0, end);
      const length = Number(LENGTH.exec(text)?.[1] ?? 0);
      const whole = end + BLANK.length + length;
      if (waiting.length < whole) return;
      const message = waiting.subarray(0, whole);
      waiting = Buffer.from(waiting.subarray(whole));
      [size, behind] = [whole, length - Number(HEADER_LENGTH.exec(text)?.[1] ?? length)];
      front = frontOf(behind / 4);
      socket.write(Buffer.concat([front, message.subarray(whole - behind)]));
    }
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));

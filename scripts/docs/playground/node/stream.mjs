// Classes that memfs extends when it is loaded; the compiler opens no stream.
export class Readable {}
export class Writable {}
export class Stream {}
export default { Readable, Writable, Stream };

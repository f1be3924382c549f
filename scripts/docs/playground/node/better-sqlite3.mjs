// As much of better-sqlite3 as the compiler uses, on SQLite in WebAssembly: a file is read whole, and nothing is written.
import initSqlJs from "sql.js/dist/sql-wasm-browser.js";
import { Buffer } from "./buffer.mjs";
import fs from "./fs.mjs";

let SQL;
/** Loads SQLite. Until then a store cannot be opened. @param url of sql-wasm.wasm */
export async function loadSqlite(url) {
  SQL = await initSqlJs({ locateFile: () => url });
}

export default class Database {
  #db;

  constructor(file) {
    this.#db = new SQL.Database(new Uint8Array(fs.readFileSync(file)));
  }
  pragma(text) {
    this.#db.run(`PRAGMA ${text}`);
  }
  prepare(text) {
    const statement = this.#db.prepare(text);
    return {
      get(...values) {
        statement.bind(values);
        const row = statement.step() ? statement.getAsObject() : undefined;
        statement.reset();
        return row;
      },
      run(...values) {
        statement.run(values);
      },
    };
  }
  serialize() {
    return Buffer.from(this.#db.export());
  }
  close() {
    this.#db.close();
  }
}

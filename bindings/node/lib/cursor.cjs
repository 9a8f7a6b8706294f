'use strict';
// Cursors over documents and inputs, and pinned bytes.
//
// 1. `next` asks the library for one row. `for...of` takes many at a time: a store that is closed meanwhile is seen at
//    the end of those.
// 2. A cursor keeps its store from being collected.

const native = require('./native.cjs');
const { rowsOf } = require('./decode.cjs');

const IDS = 512;
const ROWS = 1 << 16;

const END = Object.freeze({ value: undefined, done: true });

/** [name, value, ...] as the addon gives it. */
function columnsOf(content) {
  const columns = new Map();
  for (let at = 0; at < content.length; at += 2) columns.set(content[at], content[at + 1]);
  return columns;
}

/** [id, value, output, columns] as the addon gives it. */
function inputOf([id, value, output, columns]) {
  return { id, value, output, columns: columnsOf(columns) };
}

/** The ids of documents, ascending. */
class DocumentCursor {
  #handle;
  #store;

  constructor(store, handle) {
    this.#store = store;
    this.#handle = handle;
  }

  next() {
    const value = native.documentsNext(this.#handle);
    return value === undefined ? END : { value, done: false };
  }

  fill(ids) {
    return native.documentsFill(this.#handle, ids);
  }

  seek(from) {
    native.documentsSeek(this.#handle, from);
    return this;
  }

  free() {
    native.documentsFree(this.#handle);
  }

  *[Symbol.iterator]() {
    const ids = new BigUint64Array(IDS);
    for (let count = this.fill(ids); count > 0; count = this.fill(ids)) {
      for (let at = 0; at < count; at += 1) yield ids[at];
    }
  }

  [Symbol.dispose]() {
    this.free();
  }
}

/** The inputs of a document in their order. */
class InputCursor {
  #handle;
  #store;

  constructor(store, handle) {
    this.#store = store;
    this.#handle = handle;
  }

  next() {
    const value = native.inputsNext(this.#handle);
    return value === undefined ? END : { value: inputOf(value), done: false };
  }

  fill(buffer) {
    return native.inputsFill(this.#handle, buffer);
  }

  free() {
    native.inputsFree(this.#handle);
  }

  /** The next packed rows, in a buffer that is theirs alone; none at the end. */
  #rows(size) {
    const buffer = new Uint8Array(size);
    try {
      return buffer.subarray(0, this.fill(buffer));
    } catch (error) {
      if (error.code !== 'STRATUM_BUFFER_TOO_SMALL') throw error;
      return this.#rows(error.needed);
    }
  }

  *[Symbol.iterator]() {
    for (let rows = this.#rows(ROWS); rows.length > 0; rows = this.#rows(ROWS)) yield* rowsOf(rows);
  }

  [Symbol.dispose]() {
    this.free();
  }
}

/** Bytes that the store keeps until they are freed, also after it was closed. Copied where they are asked for. */
class Pinned {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  get length() {
    return native.pinnedInfo(this.#handle)[0];
  }

  get isBorrowed() {
    return native.pinnedInfo(this.#handle)[1];
  }

  /** Copies bytes from `from` on into `target`; gives how many. */
  copy(target, from = 0) {
    return native.pinnedCopy(this.#handle, from, target);
  }

  /** A copy of the bytes from `from` to `to`. */
  slice(from = 0, to = this.length) {
    const bytes = new Uint8Array(Math.max(0, Math.min(to, this.length) - from));
    this.copy(bytes, from);
    return bytes;
  }

  free() {
    native.pinnedFree(this.#handle);
  }

  [Symbol.dispose]() {
    this.free();
  }
}

module.exports = { DocumentCursor, InputCursor, Pinned, columnsOf, inputOf };

'use strict';
// The writes, in one table: how each becomes a row of operations, and what its ids mean. A Batch has them all; a Store
// has each as a promise and, with `Sync` behind its name, at once.
//
// 1. Numbers of operations are those of stratum.h (STRATUM_OP_*).

const native = require('./native.cjs');
const { invalid } = require('./errors.cjs');
const { encoding } = require('./encode.cjs');

const nothing = () => undefined;
const made = (id) => id;
const valued = (value) => (encoder) => encoder.value(value);

/** Needs no id: a tree's inputs are numbered from 1 in a new document. */
const treeIds = (document, first, count) => ({ document, firstInput: count === 0 ? 0n : first, inputCount: count });

function tree(operation, parts, write, ids) {
  let count = 0;
  return {
    row: [operation, parts, (encoder) => (count = write(encoder))],
    ids: (id) => ids(id, count),
  };
}

function put(operation, parts, write) {
  return operation === 2
    ? tree(operation, parts, write, (id, count) => treeIds(id, 1n, count))
    : tree(operation, parts, write, (id, count) => treeIds(BigInt(parts.document), id, count));
}

/** Bytes that say they are a packed tree; the library checks them. */
function packed(bytes) {
  if (!(bytes instanceof Uint8Array)) throw invalid('a packed tree must be a Uint8Array or a Buffer');
  return (encoder) => {
    encoder.raw(bytes);
    return bytes.length < 28 ? 0 : new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(24, true);
  };
}

const op = (operation, parts, body, ids = nothing) => ({ row: [operation, parts, body], ids });

const writes = {
  createDocument: (blob, columns) => op(1, { columns }, (encoder) => void encoder.blob(blob), made),
  putTree: (given) => put(2, {}, (encoder) => encoder.tree(given)),
  replaceTree: (document, given) => put(3, { document }, (encoder) => encoder.tree(given)),
  putPacked: (bytes) => put(2, {}, packed(bytes)),
  replacePacked: (document, bytes) => put(3, { document }, packed(bytes)),
  setBlob: (document, blob) => op(4, { document }, (encoder) => void encoder.blob(blob)),
  setColumn: (document, name, value) => op(5, { document, name }, valued(value)),
  removeColumn: (document, name) => op(6, { document, name }),
  deleteDocument: (document) => op(7, { document }),
  appendInput: (document, value) => op(8, { document }, valued(value), made),
  insertInput: (document, before, value) => op(9, { document, before }, valued(value), made),
  moveInput: (document, input, before = 0n) => op(10, { document, input, before }),
  replaceInput: (document, input, value) => op(11, { document, input }, valued(value)),
  setInputColumn: (document, input, name, value) => op(12, { document, input, name }, valued(value)),
  removeInputColumn: (document, input, name) => op(13, { document, input, name }),
  deleteInput: (document, input) => op(14, { document, input }),
  setOutput: (document, input, value) => op(15, { document, input }, valued(value)),
  updateOutput: (document, input, value) => op(16, { document, input }, valued(value)),
  deleteOutput: (document, input) => op(17, { document, input }),
};

/** Calls `send` with the bytes of one row, and gives what it gives. */
function sent({ row: [operation, parts, body] }, send) {
  return encoding((encoder) => {
    encoder.row(operation, parts, body);
    return send(encoder.bytes.subarray(0, encoder.length));
  });
}

/** How many rows there are, as far as they are well-formed: no more ids than that come out. */
function rowCount(rows) {
  if (!(rows instanceof Uint8Array)) throw invalid('operations must be a Uint8Array or a Buffer');
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  let count = 0;
  for (let at = 0; at + 8 <= rows.length; count += 1) at += Math.max(8, 8 * view.getUint32(at + 4, true));
  return count;
}

/** A define for each write: `make(name, write)` gives the members of a prototype. */
function define(prototype, make) {
  for (const [name, write] of Object.entries(writes)) {
    for (const [member, value] of Object.entries(make(name, write))) {
      Object.defineProperty(value, 'name', { value: member });
      Object.defineProperty(prototype, member, { value, configurable: true, writable: true });
    }
  }
}

const durabilities = { undefined: 0, always: 1, interval: 2, os: 3 };

function durability(options) {
  const number = durabilities[options?.durability];
  if (number === undefined) throw invalid('a durability is "always", "interval" or "os"');
  return number;
}

/** Any number of writes that become visible and durable together. */
class Batch {
  #handle;
  #store;

  constructor(store, handle) {
    this.#store = store;
    this.#handle = handle;
  }

  /** Applies rows; gives what each makes. For the writes alone. */
  static apply(batch, rows, ids) {
    native.batchApply(batch.#handle, rows, ids);
    return ids;
  }

  applyPacked(operations) {
    return Batch.apply(this, operations, new BigUint64Array(rowCount(operations)));
  }

  async commit(options) {
    return native.commit(this.#handle, durability(options), true);
  }

  commitSync(options) {
    return native.commit(this.#handle, durability(options), false);
  }

  clear() {
    native.batchClear(this.#handle);
  }

  get size() {
    const [operations, bytes] = native.batchSize(this.#handle);
    return { operations, bytes };
  }

  free() {
    native.batchFree(this.#handle);
  }

  [Symbol.dispose]() {
    this.free();
  }
}

define(Batch.prototype, (name, write) => ({
  [name](...given) {
    const call = write(...given);
    return call.ids(sent(call, (rows) => Batch.apply(this, rows, new BigUint64Array(1)))[0]);
  },
}));

module.exports = { Batch, define, sent, rowCount };

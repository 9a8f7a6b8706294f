'use strict';
// Reads, each through a view: the newest commit, or the moment of a snapshot.
//
// 1. What is not there is undefined.
// 2. A view keeps its store from being collected.

const native = require('./native.cjs');
const { Tree, treesOf } = require('./decode.cjs');
const { invalid } = require('./errors.cjs');
const { DocumentCursor, InputCursor, Pinned, columnsOf, inputOf } = require('./cursor.cjs');

/** How many trees are read in one call: what they come to should fit into a cache. */
const TREES = 64;

/** A column's name; a string that has no UTF-8 is no name. */
function named(name) {
  if (typeof name !== 'string' || !name.isWellFormed()) throw invalid('a name must be a string that has UTF-8');
  return name;
}

const made = (content, make) => (content === undefined ? undefined : make(content));

class View {
  #handle;
  #store;

  constructor(store, handle) {
    this.#store = store;
    this.#handle = handle;
  }

  /** For Snapshot alone. */
  static free(view) {
    native.viewFree(view.#handle);
  }

  get sequence() {
    return native.viewSequence(this.#handle);
  }

  get documentCount() {
    return native.viewDocumentCount(this.#handle);
  }

  exists(document) {
    return native.viewExists(this.#handle, document);
  }

  blob(document) {
    return native.viewBlob(this.#handle, document);
  }

  blobText(document) {
    return native.viewBlobText(this.#handle, document);
  }

  readBlob(document, buffer) {
    return native.viewReadBlob(this.#handle, document, buffer);
  }

  pinBlob(document) {
    return made(native.viewPinBlob(this.#handle, document), (handle) => new Pinned(handle));
  }

  columns(document) {
    return made(native.viewColumns(this.#handle, document), columnsOf);
  }

  column(document, name) {
    return native.viewColumn(this.#handle, document, named(name));
  }

  inputCount(document) {
    return native.viewInputCount(this.#handle, document);
  }

  inputIds(document) {
    return native.viewInputIds(this.#handle, document);
  }

  inputs(document) {
    return made(native.viewInputs(this.#handle, document), (inputs) => inputs.map(inputOf));
  }

  input(document, input) {
    return native.viewInput(this.#handle, document, input);
  }

  inputColumns(document, input) {
    return made(native.viewInputColumns(this.#handle, document, input), columnsOf);
  }

  output(document, input) {
    return native.viewOutput(this.#handle, document, input);
  }

  tree(document) {
    return made(this.packedTree(document), (bytes) => new Tree(bytes));
  }

  packedTree(document) {
    return native.viewPackedTree(this.#handle, document);
  }

  pinPackedTree(document) {
    return made(native.viewPinPackedTree(this.#handle, document), (handle) => new Pinned(handle));
  }

  /** The buffer of stratum_view_packed_trees. */
  packedTrees(documents) {
    return native.viewPackedTrees(this.#handle, BigUint64Array.from(documents, BigInt));
  }

  /** Many trees of one moment in one read. */
  trees(documents) {
    return treesOf(this.packedTrees(documents));
  }

  /** [id, tree] of every document from `from` on. */
  *allTrees(from = 0n) {
    const cursor = this.documents(from);
    try {
      const ids = new BigUint64Array(TREES);
      for (let count = cursor.fill(ids); count > 0; count = cursor.fill(ids)) {
        const trees = this.trees(ids.subarray(0, count));
        for (let at = 0; at < count; at += 1) {
          // On the newest view a document may be deleted between the two reads.
          if (trees[at] !== undefined) yield [ids[at], trees[at]];
        }
      }
    } finally {
      cursor.free();
    }
  }

  documents(from = 0n) {
    return new DocumentCursor(this.#store, native.viewDocuments(this.#handle, from));
  }

  inputCursor(document) {
    const handle = native.viewInputCursor(this.#handle, document);
    return made(handle, (handle) => new InputCursor(this.#store, handle));
  }
}

/** One moment of the whole store, until it is freed. */
class Snapshot extends View {
  free() {
    View.free(this);
  }

  [Symbol.dispose]() {
    this.free();
  }
}

module.exports = { View, Snapshot };

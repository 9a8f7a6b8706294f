'use strict';
// Stores: opening, closing, what waits for the disk, and every write as a call of its own.
//
// 1. What may wait gives a promise and has a twin whose name ends in Sync.
// 2. Mistakes in the arguments of a call that gives a promise reject the promise.
// 3. A store that is forgotten is closed when it is collected, at the latest when its thread ends.

const { fileURLToPath } = require('node:url');
const native = require('./native.cjs');
const { invalid } = require('./errors.cjs');
const { View, Snapshot } = require('./view.cjs');
const { Batch, define, sent, rowCount } = require('./writes.cjs');

function pathBytes(path) {
  if (path instanceof URL) return Buffer.from(fileURLToPath(path));
  if (typeof path === 'string') return Buffer.from(path);
  if (path instanceof Uint8Array) return path;
  throw invalid('a path must be a string, a Buffer or a file URL');
}

/** Options as names and values of stratum_options_set. */
function optionWords(options = {}) {
  const words = [];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    words.push(name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), String(value));
  }
  return words;
}

/**
 * Runs what can be watched and stopped: `call(flag, progress)`. Where the callback gives false it is stopped; where it
 * throws, or the signal is aborted, that is what comes out.
 */
class Watched {
  constructor({ onProgress, signal } = {}) {
    if (onProgress !== undefined && typeof onProgress !== 'function') throw invalid('onProgress must be a function');
    this.flag = new Int32Array(1);
    this.signal = signal;
    this.progress = onProgress && ((progress) => this.#report(onProgress, progress));
    this.stop = () => Atomics.store(this.flag, 0, 1);
  }

  #report(onProgress, progress) {
    if (this.failed) return;
    try {
      if (onProgress(progress) === false) this.stop();
    } catch (error) {
      this.failed = { error };
      this.stop();
    }
  }

  #outcome(result) {
    if (this.failed) throw this.failed.error;
    this.signal?.throwIfAborted();
    return result;
  }

  sync(call) {
    return this.#outcome(call(this.flag, this.progress, false));
  }

  async promise(call) {
    this.signal?.throwIfAborted();
    this.signal?.addEventListener('abort', this.stop, { once: true });
    try {
      return this.#outcome(await call(this.flag, this.progress, true));
    } finally {
      this.signal?.removeEventListener('abort', this.stop);
    }
  }
}

const opening = Symbol('opening');

class Store {
  #handle;
  #latest;
  #closing;

  constructor(key, handle) {
    if (key !== opening) throw invalid('open a store with Store.open or Store.openSync');
    this.#handle = handle;
    this.#latest = new View(this, native.latest(handle));
  }

  static async open(path, options) {
    return new Store(opening, await native.open(pathBytes(path), optionWords(options), true));
  }

  static openSync(path, options) {
    return new Store(opening, native.open(pathBytes(path), optionWords(options), false));
  }

  /** A store that another thread has open and shares. */
  static attach(token) {
    return new Store(opening, native.attach(token));
  }

  /** What another thread gives to Store.attach. The store stays this thread's: when it closes it, it is closed for all. */
  share() {
    return native.share(this.#handle);
  }

  close() {
    this.#closing ??= Promise.resolve(native.close(this.#handle, true));
    return this.#closing;
  }

  closeSync() {
    native.close(this.#handle, false);
  }

  [Symbol.dispose]() {
    this.closeSync();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  get latest() {
    return this.#latest;
  }

  snapshot() {
    return new Snapshot(this, native.snapshot(this.#handle));
  }

  batch() {
    return new Batch(this, native.batchCreate(this.#handle));
  }

  /** Everything that `work` writes, or nothing where it throws. */
  async write(work, options) {
    const batch = this.batch();
    try {
      const result = await work(batch);
      await batch.commit(options);
      return result;
    } finally {
      batch.free();
    }
  }

  writeSync(work, options) {
    const batch = this.batch();
    try {
      const result = work(batch);
      if (typeof result?.then === 'function') throw invalid('writeSync cannot wait for a promise: use write');
      batch.commitSync(options);
      return result;
    } finally {
      batch.free();
    }
  }

  async applyPacked(operations) {
    return native.apply(this.#handle, operations, rowCount(operations), true);
  }

  applyPackedSync(operations) {
    return native.apply(this.#handle, operations, rowCount(operations), false);
  }

  async flush() {
    return native.flush(this.#handle, true);
  }

  flushSync() {
    native.flush(this.#handle, false);
  }

  async checkpoint() {
    return native.checkpoint(this.#handle, true);
  }

  checkpointSync() {
    native.checkpoint(this.#handle, false);
  }

  async compact(options) {
    return new Watched(options).promise((...watch) => native.compact(this.#handle, ...watch));
  }

  compactSync(options) {
    new Watched(options).sync((...watch) => native.compact(this.#handle, ...watch));
  }

  async verify() {
    return native.verify(this.#handle, true);
  }

  verifySync() {
    return native.verify(this.#handle, false);
  }

  stats() {
    return native.stats(this.#handle);
  }

  /** For the writes alone. */
  static apply(store, call, promise) {
    return sent(call, (rows) => native.apply(store.#handle, rows, 1, promise));
  }
}

const { apply } = Store;
delete Store.apply;

define(Store.prototype, (name, write) => ({
  async [name](...given) {
    const call = write(...given);
    return call.ids((await apply(this, call, true))[0]);
  },
  [`${name}Sync`](...given) {
    const call = write(...given);
    return call.ids(apply(this, call, false)[0]);
  },
}));

function repairCall(source, target, { segmentSize = 0, mergeLimit = 0, dryRun = false } = {}) {
  const [from, to] = [pathBytes(source), target === undefined ? new Uint8Array(0) : pathBytes(target)];
  return (...watch) => native.repair(from, to, segmentSize, mergeLimit, dryRun, ...watch);
}

/** Saves what still checks out of a damaged store into a new one. */
async function repair(source, target, options) {
  return new Watched(options).promise(repairCall(source, target, options));
}

function repairSync(source, target, options) {
  return new Watched(options).sync(repairCall(source, target, options));
}

module.exports = { Store, repair, repairSync };

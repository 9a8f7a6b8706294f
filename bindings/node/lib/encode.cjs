'use strict';
// Values, columns, trees and rows of operations in their packed forms (docs/format.md, stratum_batch_apply_packed).
//
// 1. Padding is written, never left: the buffer is used again and again.
// 2. What can only be wrong is refused here with STRATUM_INVALID_ARGUMENT; everything else is the library's to judge.
// 3. `view` is read after what may grow the buffer, never before.
// 4. An encoder may be in use when a getter of the caller's object calls the library: encoders come from a pool.

const native = require('./native.cjs');
const { StratumError, invalid } = require('./errors.cjs');
const { Kind, Decimal, NaNBits, StringList, StringMap } = require('./value.cjs');

const DEEPEST = 64;
const ROW = 48;
const HEADER = 80;
const ENTRY = 32;
const MADE = 1n << 63n;
const BEYOND = /[\ud800-\uffff]/;
/** Above this a buffer is not kept for the next call. */
const KEPT = 1 << 20;

/** Below U+D800 the order of strings is that of their UTF-8. */
function byBytes(a, b) {
  if (BEYOND.test(a) || BEYOND.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** [name, value] of an object, a Map, or anything that gives pairs. */
function entries(given, what) {
  if (given === null || typeof given !== 'object') throw invalid(`${what} must be an object or a Map`);
  return typeof given[Symbol.iterator] === 'function' ? [...given] : Object.entries(given);
}

/** An id as an unsigned 64-bit number. */
function id(given) {
  const number = typeof given === 'number' && Number.isSafeInteger(given) ? BigInt(given) : given;
  if (typeof number !== 'bigint' || number < 0n || number >> 64n !== 0n) {
    throw invalid('an id must be a bigint or a whole number from 0 on');
  }
  // The rows of one call use these for what other rows make; as ids they are never handed out.
  if (number >= MADE) throw new StratumError('STRATUM_NOT_FOUND', `nothing has the id ${number}`);
  return number;
}

class Encoder {
  constructor() {
    this.grow(1 << 12);
    this.length = 0;
  }

  grow(size) {
    const old = this.bytes;
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.bytes.buffer);
    if (old) old.copy(this.bytes, 0, 0, this.length);
  }

  /** Where `size` more bytes may be written. */
  take(size) {
    const at = this.length;
    if (at + size > this.bytes.length) this.grow(2 * (at + size));
    this.length = at + size;
    return at;
  }

  /** `size` zeros. */
  zeros(size) {
    const at = this.take(size);
    this.bytes.fill(0, at, at + size);
    return at;
  }

  pad() {
    while (this.length % 8 !== 0) this.bytes[this.take(1)] = 0;
  }

  /** UTF-8 without padding; gives its length in bytes. */
  text(text) {
    if (typeof text !== 'string') throw invalid('a string is needed');
    if (!text.isWellFormed()) throw invalid('a string with half of a surrogate pair has no UTF-8');
    const at = this.take(3 * text.length);
    const count = this.bytes.write(text, at);
    this.length = at + count;
    return count;
  }

  raw(bytes) {
    const at = this.take(bytes.length);
    this.bytes.set(bytes, at);
    return bytes.length;
  }

  /** The eight bytes that each value begins with. */
  head(kind, count) {
    const at = this.take(8);
    this.view.setUint32(at, kind, true);
    this.view.setUint32(at + 4, count, true);
    return at;
  }

  value(value, depth = 0) {
    switch (typeof value) {
      case 'string': {
        const at = this.head(Kind.STRING, 0);
        const count = this.text(value);
        this.view.setUint32(at + 4, count, true);
        return this.pad();
      }
      case 'number': {
        this.head(Kind.DOUBLE, 0);
        const at = this.take(8);
        if (value === value) this.view.setFloat64(at, value, true);
        else this.view.setBigUint64(at, 0x7ff8000000000000n, true);
        return undefined;
      }
      case 'bigint': {
        if (BigInt.asIntN(64, value) !== value) throw invalid('a bigint beyond 64 bits: use a Decimal');
        this.head(Kind.INT64, 0);
        const at = this.take(8);
        this.view.setBigInt64(at, value, true);
        return undefined;
      }
      case 'boolean':
        this.head(Kind.BOOL, value ? 1 : 0);
        return undefined;
      case 'object':
        return value === null ? void this.head(Kind.NULL, 0) : this.object(value, depth);
      default:
        throw invalid(`a value of type ${typeof value} cannot be stored`);
    }
  }

  object(value, depth) {
    if (value instanceof Uint8Array) {
      this.head(Kind.BYTES, value.length);
      this.raw(value);
      return this.pad();
    }
    if (value instanceof BigInt64Array || value instanceof Float64Array) {
      this.head(value instanceof Float64Array ? Kind.DOUBLE_LIST : Kind.INT64_LIST, value.length);
      this.raw(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      return undefined;
    }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      throw invalid('of typed arrays, Uint8Array, BigInt64Array and Float64Array can be stored');
    }
    if (value instanceof Decimal) {
      const at = this.head(Kind.DECIMAL, 0);
      const count = this.text(value.text);
      this.view.setUint32(at + 4, count, true);
      return this.pad();
    }
    if (value instanceof NaNBits) {
      this.head(Kind.DOUBLE, 0);
      const at = this.take(8);
      this.view.setBigUint64(at, value.bits, true);
      return undefined;
    }
    if (value instanceof StringList) return this.texts(Kind.STRING_LIST, value.length, value);
    if (value instanceof StringMap) return this.texts(Kind.STRING_MAP, value.size, [...value].flat());
    if (depth >= DEEPEST) throw invalid(`lists and maps nest at most ${DEEPEST} deep`);
    return Array.isArray(value) ? this.list(value, depth) : this.map(value, depth);
  }

  texts(kind, count, texts) {
    this.head(kind, count);
    const ends = this.take(4 * texts.length);
    this.pad();
    const area = this.length;
    for (let at = 0; at < texts.length; at += 1) {
      this.text(texts[at]);
      this.view.setUint32(ends + 4 * at, this.length - area, true);
    }
    this.pad();
  }

  list(list, depth) {
    this.head(Kind.LIST, list.length);
    const body = this.take(8);
    for (let at = 0; at < list.length; at += 1) this.value(list[at], depth + 1);
    this.view.setBigUint64(body, BigInt(this.length - body - 8), true);
  }

  map(map, depth) {
    if (!(map instanceof Map)) {
      const prototype = Object.getPrototypeOf(map);
      if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
        throw invalid(`an object of class ${prototype.constructor?.name} cannot be stored`);
      }
    }
    const pairs = map instanceof Map ? [...map] : Object.entries(map);
    this.head(Kind.MAP, pairs.length);
    const body = this.take(8);
    for (const [key, value] of pairs) {
      if (typeof key !== 'string') throw invalid('a key of a map must be a string');
      this.value(key);
      this.value(value, depth + 1);
    }
    this.view.setBigUint64(body, BigInt(this.length - body - 8), true);
  }

  /** A columns section; nothing for no columns. */
  columns(given) {
    if (given === undefined || given === null) return;
    const pairs = entries(given, 'columns');
    if (pairs.length === 0) return;
    pairs.sort((a, b) => byBytes(String(a[0]), String(b[0])));
    this.head(pairs.length, 0);
    for (const [name, value] of pairs) {
      const at = this.take(8);
      const count = this.text(name);
      this.view.setUint32(at, count, true);
      this.pad();
      const begin = this.length;
      this.value(value);
      this.view.setUint32(at + 4, (this.length - begin) / 8, true);
    }
  }

  /** A blob: bytes, or a string as UTF-8. */
  blob(blob) {
    if (blob === undefined) return 0;
    if (typeof blob === 'string') return this.text(blob);
    if (!(blob instanceof Uint8Array)) throw invalid('a blob must be a string, a Uint8Array or a Buffer');
    return this.raw(blob);
  }

  /** A packed tree; gives how many inputs it has. */
  tree(tree) {
    if (tree === null || typeof tree !== 'object') throw invalid('a tree must be an object');
    if (tree.packed instanceof Uint8Array) {
      this.raw(tree.packed);
      return tree.inputCount;
    }
    const inputs = [...(tree.inputs ?? [])];
    const start = this.zeros(HEADER + ENTRY * inputs.length);
    const columns = this.length;
    this.columns(tree.columns);
    const head = this.length;
    let outputs = 0;
    inputs.forEach((input, at) => {
      if (this.node(start, start + HEADER + ENTRY * at, at + 1, input)) outputs += 1;
    });
    const blob = this.length;
    const blobLength = this.blob(tree.blob);
    this.pad();
    const { view } = this;
    this.bytes.write('STPT', start, 'latin1');
    view.setUint8(start + 4, 1);
    view.setUint8(start + 5, 1);
    view.setUint32(start + 8, (this.length - start) / 8, true);
    view.setUint32(start + 12, (head - start) / 8, true);
    view.setBigUint64(start + 16, BigInt(inputs.length + 1), true);
    view.setUint32(start + 24, inputs.length, true);
    view.setUint32(start + 32, head === columns ? 0 : (columns - start) / 8, true);
    view.setUint32(start + 36, (head - columns) / 8, true);
    view.setUint32(start + 40, (blob - start) / 8, true);
    view.setBigUint64(start + 48, BigInt(blobLength), true);
    view.setUint32(start + 64, outputs, true);
    native.sealTree(this.bytes.subarray(start, this.length));
    return inputs.length;
  }

  /** An input's value, output and columns, and its entry; gives whether it has an output. */
  node(start, entry, number, input) {
    if (input === null || typeof input !== 'object' || !('value' in input)) {
      throw invalid('an input of a tree must be an object with a value');
    }
    const begin = this.length;
    this.value(input.value);
    const output = this.length;
    if (input.output !== undefined) this.value(input.output);
    const columns = this.length;
    this.columns(input.columns);
    const { view } = this;
    view.setUint32(entry, number, true);
    view.setUint32(entry + 4, (begin - start) / 8, true);
    view.setUint32(entry + 8, (output - begin) / 8, true);
    view.setUint32(entry + 12, (columns - output) / 8, true);
    view.setUint32(entry + 16, (this.length - columns) / 8, true);
    return columns !== output;
  }

  /** A row of operations. `parts`: document, input, before, name, columns; `body(encoder)` writes the body. */
  row(operation, parts, body) {
    const at = this.zeros(ROW);
    if (parts.document !== undefined) this.view.setBigUint64(at + 8, id(parts.document), true);
    if (parts.input !== undefined) this.view.setBigUint64(at + 16, id(parts.input), true);
    if (parts.before !== undefined) this.view.setBigUint64(at + 24, id(parts.before), true);
    const name = parts.name === undefined ? 0 : this.text(parts.name);
    this.view.setUint32(at + 32, name, true);
    this.pad();
    const columns = this.length;
    this.columns(parts.columns);
    this.view.setUint32(at + 36, (this.length - columns) / 8, true);
    const begin = this.length;
    if (body !== undefined) body(this);
    this.view.setBigUint64(at + 40, BigInt(this.length - begin), true);
    this.pad();
    this.view.setUint32(at, operation, true);
    this.view.setUint32(at + 4, (this.length - at) / 8, true);
  }
}

const pool = [];

/** Calls `use` with an empty encoder. What it gives out must not refer to the encoder's bytes. */
function encoding(use) {
  const encoder = pool.pop() ?? new Encoder();
  encoder.length = 0;
  try {
    return use(encoder);
  } finally {
    if (encoder.bytes.length <= KEPT) pool.push(encoder);
  }
}

module.exports = { encoding, id };

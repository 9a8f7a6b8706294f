'use strict';
// Packed forms of the library, read in place: nothing is decoded before it is asked for.
//
// 1. Bytes are those of the library, which has checked them; of other bytes only nonsense can come, never a crash.
// 2. Bytes and packed numbers that come out are views on the tree's own memory, not copies.

const { invalid } = require('./errors.cjs');
const { Kind, Decimal, NaNBits, StringList, StringMap } = require('./value.cjs');

const HEADER = 80;
const ENTRY = 32;

const padded = (length) => (length + 7) & ~7;

/** One buffer of packed forms. */
class Source {
  constructor(bytes) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    /** Behind the value that was decoded last. */
    this.end = 0;
  }

  u32(at) {
    return this.view.getUint32(at, true);
  }

  /** A 64-bit number that fits into a number. */
  u64(at) {
    return this.u32(at) + 2 ** 32 * this.u32(at + 4);
  }

  text(from, length) {
    return length === 0 ? '' : this.bytes.toString('utf8', from, from + length);
  }

  /** Whether the text is this name; decodes it only where there is more than ASCII. */
  isText(from, length, name) {
    for (let at = 0; at < length; at += 1) {
      const unit = name.charCodeAt(at);
      if (unit > 0x7f) return this.text(from, length) === name;
      if (this.bytes[from + at] !== unit) return false;
    }
    return length === name.length;
  }

  slice(from, length) {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + from, length);
  }

  numbers(Type, at, count) {
    const from = this.bytes.byteOffset + at;
    if (from % 8 === 0) return new Type(this.bytes.buffer, from, count);
    return new Type(this.bytes.buffer.slice(from, from + 8 * count));
  }

  double(at) {
    const number = this.view.getFloat64(at, true);
    if (number === number) return number;
    const bits = this.view.getBigUint64(at, true);
    return bits === 0x7ff8000000000000n ? NaN : new NaNBits(bits);
  }

  texts(at, count, list) {
    let from = at + padded(4 * count);
    const area = from;
    for (let item = 0; item < count; item += 1) {
      const to = area + this.u32(at + 4 * item);
      list.push(this.text(from, to - from));
      from = to;
    }
    this.end = area + padded(from - area);
    return list;
  }

  value(at) {
    const count = this.u32(at + 4);
    const body = at + 8;
    switch (this.bytes[at]) {
      case Kind.NULL:
        this.end = body;
        return null;
      case Kind.BOOL:
        this.end = body;
        return count !== 0;
      case Kind.INT64:
        this.end = body + 8;
        return this.view.getBigInt64(body, true);
      case Kind.DOUBLE:
        this.end = body + 8;
        return this.double(body);
      case Kind.DECIMAL:
        this.end = body + padded(count);
        return new Decimal(this.text(body, count));
      case Kind.STRING:
        this.end = body + padded(count);
        return this.text(body, count);
      case Kind.BYTES:
        this.end = body + padded(count);
        return this.slice(body, count);
      case Kind.INT64_LIST:
        this.end = body + 8 * count;
        return this.numbers(BigInt64Array, body, count);
      case Kind.DOUBLE_LIST:
        this.end = body + 8 * count;
        return this.numbers(Float64Array, body, count);
      case Kind.STRING_LIST:
        return this.texts(body, count, new StringList());
      case Kind.STRING_MAP: {
        const texts = this.texts(body, 2 * count, []);
        const map = new StringMap();
        for (let pair = 0; pair < texts.length; pair += 2) map.set(texts[pair], texts[pair + 1]);
        return map;
      }
      case Kind.LIST: {
        const list = [];
        this.end = body + 8;
        for (let item = 0; item < count; item += 1) list.push(this.value(this.end));
        return list;
      }
      case Kind.MAP: {
        const map = new Map();
        this.end = body + 8;
        for (let item = 0; item < count; item += 1) {
          const key = this.value(this.end);
          map.set(key, this.value(this.end));
        }
        return map;
      }
      default:
        throw invalid(`${this.bytes[at]} is no kind of value`);
    }
  }
}

/** Columns, sorted by the bytes of their names: reads like a Map that cannot be changed. */
class Columns {
  #source;
  #at;

  /** `at`: where the section begins; 0 for none. */
  constructor(source, at) {
    this.#source = source;
    this.#at = at;
  }

  get size() {
    return this.#at === 0 ? 0 : this.#source.u32(this.#at);
  }

  /** Where the value of a column begins, 0 where there is none. */
  #find(name) {
    const source = this.#source;
    let at = this.#at + 8;
    for (let left = this.size; left > 0; left -= 1) {
      const length = source.u32(at);
      const value = at + 8 + padded(length);
      if (source.isText(at + 8, length, name)) return value;
      at = value + 8 * source.u32(at + 4);
    }
    return 0;
  }

  get(name) {
    const at = this.#find(name);
    return at === 0 ? undefined : this.#source.value(at);
  }

  has(name) {
    return this.#find(name) !== 0;
  }

  *entries() {
    const source = this.#source;
    let at = this.#at + 8;
    for (let left = this.size; left > 0; left -= 1) {
      const length = source.u32(at);
      const value = at + 8 + padded(length);
      yield [source.text(at + 8, length), source.value(value)];
      at = value + 8 * source.u32(at + 4);
    }
  }

  *keys() {
    for (const [name] of this) yield name;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  forEach(visit, self) {
    for (const [name, value] of this) visit.call(self, value, name, this);
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'Columns';
  }
}

/** An input of a tree, or of a cursor's packed rows. */
class Input {
  #source;
  #id;
  #lengths;
  #begin;

  /** Its number; where the lengths of value, output and columns are, and where its value begins. */
  constructor(source, id, lengths, begin) {
    this.#source = source;
    this.#id = id;
    this.#lengths = lengths;
    this.#begin = begin;
  }

  get id() {
    return BigInt(this.#id);
  }

  get value() {
    return this.#source.value(this.#begin);
  }

  get output() {
    const source = this.#source;
    const lengths = this.#lengths;
    if (source.u32(lengths + 4) === 0) return undefined;
    return source.value(this.#begin + 8 * source.u32(lengths));
  }

  get columns() {
    const source = this.#source;
    const lengths = this.#lengths;
    if (source.u32(lengths + 8) === 0) return new Columns(source, 0);
    return new Columns(source, this.#begin + 8 * (source.u32(lengths) + source.u32(lengths + 4)));
  }
}

/** The inputs of a tree, one after the other, as often as asked. */
class Inputs {
  #tree;

  constructor(tree) {
    this.#tree = tree;
  }

  [Symbol.iterator]() {
    const tree = this.#tree;
    let at = 0;
    // Faster than a generator.
    return {
      next() {
        const value = tree.input(at);
        at += 1;
        return { value, done: value === undefined };
      },
      [Symbol.iterator]() {
        return this;
      },
    };
  }
}

/** A whole tree, decoded as it is asked for. */
class Tree {
  #source;
  #at;

  constructor(bytes, source, at = 0) {
    this.#source = source ?? new Source(bytes);
    this.#at = at;
    const start = this.#source.bytes;
    if (start.length < at + HEADER || start.toString('latin1', at, at + 4) !== 'STPT') {
      throw invalid('these bytes are no packed tree');
    }
  }

  /** Its packed form; what it is read from, not a copy. */
  get packed() {
    return this.#source.slice(this.#at, 8 * this.#source.u32(this.#at + 8));
  }

  get inputCount() {
    return this.#source.u32(this.#at + 24);
  }

  get outputCount() {
    return this.#source.u32(this.#at + 64);
  }

  #blob(show) {
    const source = this.#source;
    return show.call(source, this.#at + 8 * source.u32(this.#at + 40), source.u64(this.#at + 48));
  }

  get blob() {
    return this.#blob(Source.prototype.slice);
  }

  get blobText() {
    return this.#blob(Source.prototype.text);
  }

  get columns() {
    const offset = this.#source.u32(this.#at + 32);
    return new Columns(this.#source, offset === 0 ? 0 : this.#at + 8 * offset);
  }

  /** The input at a position, from 0. */
  input(position) {
    if (!(position >= 0 && position < this.inputCount)) return undefined;
    const source = this.#source;
    const entry = this.#at + HEADER + ENTRY * position;
    return new Input(source, source.u32(entry), entry + 8, this.#at + 8 * source.u32(entry + 4));
  }

  /** All inputs in their order; each turn makes one. */
  get inputs() {
    return new Inputs(this);
  }
}

/** The trees of `stratum_view_packed_trees`, in the order asked; undefined for what is not there. */
function treesOf(bytes) {
  const source = new Source(bytes);
  const trees = [];
  const count = source.u64(0);
  for (let row = 0; row < count; row += 1) {
    const at = source.u64(8 + 24 * row + 8);
    trees.push(at === 0 ? undefined : new Tree(undefined, source, at));
  }
  return trees;
}

/** The rows of `stratum_input_cursor_fill`. */
function* rowsOf(bytes) {
  const source = new Source(bytes);
  for (let at = 0; at < bytes.length; at += 8 * source.u32(at)) {
    yield new Input(source, source.u32(at + 4), at + 8, at + 24);
  }
}

module.exports = { Tree, Columns, Input, treesOf, rowsOf };

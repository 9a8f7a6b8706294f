'use strict';
// The classes for kinds of values that JavaScript has no type of its own for.
//
// 1. The kind of a value never depends on what is in it: an array is a List, also of nothing but strings.
// 2. Numbers of kinds are those of stratum.h.

const { invalid } = require('./errors.cjs');

const Kind = Object.freeze({
  NULL: 1,
  BOOL: 2,
  INT64: 3,
  DOUBLE: 4,
  DECIMAL: 5,
  STRING: 6,
  BYTES: 7,
  INT64_LIST: 8,
  DOUBLE_LIST: 9,
  STRING_LIST: 10,
  STRING_MAP: 11,
  LIST: 12,
  MAP: 13,
});

const grammar = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

/** A number as text, for what fits neither a number nor a bigint of 64 bits. */
class Decimal {
  constructor(text) {
    this.text = String(text);
    if (!grammar.test(this.text)) throw invalid(`not a decimal number: ${JSON.stringify(this.text)}`);
    Object.freeze(this);
  }

  valueOf() {
    return Number(this.text);
  }

  toString() {
    return this.text;
  }

  toJSON() {
    return this.text;
  }
}

/** A NaN with other bits than JavaScript's own: those do not survive in a number. */
class NaNBits {
  constructor(bits) {
    this.bits = BigInt.asUintN(64, bits);
    if ((this.bits & 0x7ff0000000000000n) !== 0x7ff0000000000000n || (this.bits & 0xfffffffffffffn) === 0n) {
      throw invalid('these bits are no NaN');
    }
    Object.freeze(this);
  }

  valueOf() {
    return NaN;
  }
}

/** A packed list of strings. */
class StringList extends Array {
  // What map() or filter() make need not hold strings.
  static get [Symbol.species]() {
    return Array;
  }
}

/** A packed map of strings to strings. */
class StringMap extends Map {}

/** Strings in turn, key and value, as a Map; the library has seen to it that no key comes twice. */
function pairs(map, content) {
  for (let at = 0; at < content.length; at += 2) map.set(content[at], content[at + 1]);
  return map;
}

/** Of an array, without the constructor's special case for one number. */
function stringList(content) {
  const list = new StringList(content.length);
  for (let at = 0; at < content.length; at += 1) list[at] = content[at];
  return list;
}

/** A value of a kind that the addon cannot make by itself. */
function fromContent(kind, content) {
  switch (kind) {
    case Kind.DOUBLE:
      return new NaNBits(content);
    case Kind.DECIMAL:
      return new Decimal(content);
    case Kind.STRING_LIST:
      return stringList(content);
    case Kind.STRING_MAP:
      return pairs(new StringMap(), content);
    default:
      return pairs(new Map(), content);
  }
}

module.exports = { Kind, Decimal, NaNBits, StringList, StringMap, fromContent, pairs };

'use strict';
// Values, columns and trees between the language of the vectors and the package, and canonical JSON.
//
// 1. What comes out is canonical JSON text, put together by hand: the members' order is that of ../README.md.
// 2. A map or columns with a key twice cannot be made in JavaScript: that is answered here.

const { Decimal, NaNBits, StringList, StringMap, StratumError } = require('../../node/index.cjs');

const refused = () => new StratumError('STRATUM_INVALID_ARGUMENT');

function quote(text) {
  const escaped = text.replace(/["\\\u0000-\u001f]/g, (found) =>
    found === '"' || found === '\\' ? `\\${found}` : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}

const number = (value) => `"${value}"`;
const list = (items, show) => `[${Array.from(items, show).join(',')}]`;
const hex = (bytes) => `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}"`;
const unhex = (text) => Buffer.from(text, 'hex');
const pair = (show) => ([key, value]) => `[${quote(key)},${show(value)}]`;

const scratch = new DataView(new ArrayBuffer(8));

function bits(value) {
  if (value instanceof NaNBits) return value.bits;
  scratch.setFloat64(0, value);
  return Number.isNaN(value) ? 0x7ff8000000000000n : scratch.getBigUint64(0);
}

const bitsText = (value) => `"${value.toString(16).padStart(16, '0')}"`;

function fromBits(text) {
  scratch.setBigUint64(0, BigInt(`0x${text}`));
  const value = scratch.getFloat64(0);
  return Number.isNaN(value) && text !== '7ff8000000000000' ? new NaNBits(BigInt(`0x${text}`)) : value;
}

/** A value of the package as text. */
function value(given) {
  if (given === null) return '{"null":null}';
  if (typeof given === 'boolean') return `{"bool":${given}}`;
  if (typeof given === 'bigint') return `{"int64":${number(given)}}`;
  if (typeof given === 'number' || given instanceof NaNBits) return `{"double":${bitsText(bits(given))}}`;
  if (given instanceof Decimal) return `{"decimal":${quote(given.text)}}`;
  if (typeof given === 'string') return `{"string":${quote(given)}}`;
  if (given instanceof Uint8Array) return `{"bytes":${hex(given)}}`;
  if (given instanceof BigInt64Array) return `{"int64_list":${list(given, number)}}`;
  if (given instanceof Float64Array) {
    const raw = new BigUint64Array(given.buffer, given.byteOffset, given.length);
    return `{"double_list":${list(raw, bitsText)}}`;
  }
  if (given instanceof StringList) return `{"string_list":${list(given, quote)}}`;
  if (given instanceof StringMap) return `{"string_map":${list(given, pair(quote))}}`;
  if (Array.isArray(given)) return `{"list":${list(given, value)}}`;
  if (given instanceof Map) return `{"map":${list(given, pair(value))}}`;
  throw new Error(`no value: ${given}`);
}

/** Pairs as a Map of the class. */
function mapOf(Class, pairs, make) {
  const map = new Class(pairs.map(([key, item]) => [key, make(item)]));
  if (map.size !== pairs.length) throw refused();
  return map;
}

const same = (item) => item;

/** A value of the language for the package. */
function toValue(json) {
  const [kind, content] = Object.entries(json)[0];
  switch (kind) {
    case 'null':
      return null;
    case 'bool':
    case 'string':
      return content;
    case 'int64':
      return BigInt(content);
    case 'double':
      return fromBits(content);
    case 'decimal':
      return new Decimal(content);
    case 'bytes':
      return unhex(content);
    case 'int64_list':
      return BigInt64Array.from(content, BigInt);
    case 'double_list':
      return new Float64Array(BigUint64Array.from(content, (text) => BigInt(`0x${text}`)).buffer);
    case 'string_list':
      return StringList.from(content);
    case 'string_map':
      return mapOf(StringMap, content, same);
    case 'list':
      return content.map(toValue);
    case 'map':
      return mapOf(Map, content, toValue);
    case 'nest': {
      let nested = toValue(content[1]);
      for (let level = Number(content[0]); level > 0; level -= 1) nested = [nested];
      return nested;
    }
    default:
      throw new Error(`no kind of value: ${kind}`);
  }
}

const columns = (given) => list(given, pair(value));
const toColumns = (json) => mapOf(Map, json ?? [], toValue);

function input({ id, value: content, columns: given, output }) {
  const shown = output === undefined ? 'null' : value(output);
  return `{"id":${number(id)},"value":${value(content)},"columns":${columns(given)},"output":${shown}}`;
}

function tree(given) {
  return `{"blob":${hex(given.blob)},"columns":${columns(given.columns)},"inputs":${list(given.inputs, input)}}`;
}

function toTree(json) {
  const inputs = (json.inputs ?? []).map((given) => ({
    value: toValue(given.value),
    columns: toColumns(given.columns),
    output: given.output == null ? undefined : toValue(given.output),
  }));
  return { blob: unhex(json.blob ?? ''), columns: toColumns(json.columns), inputs };
}

module.exports = { quote, number, list, hex, unhex, value, toValue, columns, toColumns, input, tree, toTree };

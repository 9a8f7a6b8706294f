'use strict';
// Every kind of value, at its edges, through both ways out: one value, and a tree.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Store, Decimal, NaNBits, StringList, StringMap } = require('../index.cjs');
const { place, code } = require('./support.cjs');

const nest = (levels) => { let nested = null; for (; levels > 0; levels -= 1) nested = [nested]; return nested; };

const values = [
  null, true, false, 0n, -(1n << 63n), (1n << 63n) - 1n, 0, -0, 1.5, NaN, Infinity, -Infinity, Number.MIN_VALUE,
  new NaNBits(0x7ff0000000000001n), new NaNBits(0xfff8dead00000000n), new Decimal('-1.5e400'), '', 'a\0b', 'größe \u{1f600}',
  new Uint8Array(0), new Uint8Array([0, 255, 1]), new BigInt64Array(0), new BigInt64Array([-1n, 5n]), new Float64Array(0),
  new Float64Array([1.5, -0, NaN]), new StringList(), StringList.of('a', '', 'b\0'), new StringMap(), new StringMap([['k', 'v'], ['', '']]),
  [], [[]], ['a', 1, 1n, null], new Map(), new Map([['b', 1], ['a', [new Map([['', null]])]], ['1', 2]]), nest(64),
];

test('come out as they went in', async (t) => {
  const store = await Store.open(place(t), { durability: 'os' });
  const { document } = store.putTreeSync({ inputs: values.map((value) => ({ value, output: value, columns: { value } })) });
  const tree = store.latest.tree(document);
  for (const [at, value] of values.entries()) {
    const id = BigInt(at + 1);
    const input = tree.input(at);
    const ways = [input.value, input.output, input.columns.get('value'), store.latest.input(document, id),
      store.latest.output(document, id), store.latest.inputColumns(document, id).get('value')];
    for (const [way, read] of ways.entries()) {
      assert.deepStrictEqual(read, value, `value ${at}, way ${way}`);
      assert.equal(Object.getPrototypeOf(read ?? 0), Object.getPrototypeOf(value ?? 0));
    }
  }
  await store.close();
});

test('plain objects, buffers and arrays on the way in', async (t) => {
  const store = await Store.open(place(t), { durability: 'os' });
  const document = store.createDocumentSync(Buffer.from('bytes'), new Map([
    ['object', { a: { b: [Buffer.from([1])] } }],
    ['bare', Object.assign(Object.create(null), { __proto__key: 1 })],
    ['strings', ['a', 'b']],
    ['view', new Float64Array([0, 1, 2, 3]).subarray(1, 3)],
  ]));
  const columns = store.latest.columns(document);
  assert.deepEqual(columns.get('object'), new Map([['a', new Map([['b', [new Uint8Array([1])]]])]]));
  assert.deepEqual(columns.get('bare'), new Map([['__proto__key', 1]]));
  assert.equal(columns.get('strings') instanceof StringList, false);
  assert.deepEqual(columns.get('view'), new Float64Array([1, 2]));
  assert.throws(() => store.setColumnSync(document, 'deep', nest(65)), code('INVALID_ARGUMENT'));
  await store.close();
});

test('columns are found by names of any characters and length', async (t) => {
  const store = await Store.open(place(t), { durability: 'os' });
  const names = ['a', 'ab', 'abc', 'é', 'aé', 'aéb', 'éa', '\u00e9\u00e9', 'a\u0000b', '\u{1f600}',
    'x'.repeat(255), '\u{1f600}'.repeat(63),
    'é'.repeat(127), `x${'é'.repeat(127)}`];
  const columns = Object.fromEntries(names.map((name, at) => [name, BigInt(at)]));
  const { document } = store.putTreeSync({ columns });
  const { columns: found } = store.latest.tree(document);
  assert.equal(found.size, names.length);
  for (const [at, name] of names.entries()) {
    assert.equal(found.get(name), BigInt(at), name);
    assert.equal(store.latest.column(document, name), BigInt(at), name);
  }
  for (const name of ['', 'A', 'abcd', 'Ã©', 'a\u0000', 'ae', 'aé\u0000',
    'x'.repeat(254), '\u{1f600}'.repeat(62), 'x'.repeat(256),
    'x'.repeat(300), '\u{1f600}'.repeat(64)]) {
    assert.equal(found.get(name), undefined, name);
    assert.equal(found.has(name), false, name);
    if (name !== '') assert.equal(store.latest.column(document, name), undefined, name);
  }
  store.closeSync();
});

test('a blob as text is what its bytes say, also where they are no UTF-8', async (t) => {
  const store = await Store.open(place(t), { durability: 'os' });
  const blobs = ['', 'é\u{1f600}\u0000', '\ufeffmark', [0xff], [0x61, 0xc3], [0xe2, 0x82, 0x62],
    [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]];
  for (const blob of blobs) {
    const bytes = Buffer.from(blob);
    const document = store.createDocumentSync(bytes);
    assert.equal(store.latest.blobText(document), bytes.toString('utf8'));
    assert.equal(store.latest.tree(document).blobText, bytes.toString('utf8'));
  }
  store.closeSync();
});

test('the classes', () => {
  assert.throws(() => new Decimal('1.'), code('INVALID_ARGUMENT'));
  assert.throws(() => new NaNBits(0n), code('INVALID_ARGUMENT'));
  assert.equal(Number(new NaNBits(0x7ff0000000000001n)), NaN);
  assert.equal(JSON.stringify({ d: new Decimal(10n ** 20n) }), '{"d":"100000000000000000000"}');
  assert.equal(`${new Decimal('1e5')}`, '1e5');
  assert.equal(new Decimal('1e5') * 2, 200000);
  assert.deepEqual(StringList.of('1', '2').map(Number), [1, 2]);
});

test('large values, and values that call the library while they are read', async (t) => {
  const store = await Store.open(place(t), { durability: 'os' });
  const large = 'é'.repeat(3 << 20);
  const document = store.createDocumentSync(large, { large });
  assert.equal(store.latest.blobText(document), large);
  assert.equal(store.latest.column(document, 'large'), large);
  const sly = { first: 'a', get second() { return store.createDocumentSync('within', { x: 'y'.repeat(5000) }); } };
  store.setColumnSync(document, 'sly', sly);
  assert.deepEqual(store.latest.column(document, 'sly'), new Map([['first', 'a'], ['second', 2n]]));
  await store.close();
});

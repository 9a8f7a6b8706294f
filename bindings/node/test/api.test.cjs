'use strict';
// Every member of the package does what index.d.ts says.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');
const { pathToFileURL } = require('node:url');
const { Store, StratumError, Tree, repair, repairSync, version } = require('../index.cjs');
const { place, code } = require('./support.cjs');

const quick = { durability: 'os' };

test('documents, columns, inputs and outputs, as promises and at once', async (t) => {
  const store = await Store.open(place(t), quick);
  const view = store.latest;
  const document = await store.createDocument('blob', { b: 1, a: 'x' });
  assert.equal(document, 1n);
  assert.deepEqual([...view.columns(document)], [['a', 'x'], ['b', 1]]);
  const [first, second] = [await store.appendInput(document, 'one'), store.appendInputSync(document, 'two')];
  const between = store.insertInputSync(document, second, 'between');
  assert.deepEqual([...view.inputIds(document)], [first, between, second]);
  await store.moveInput(document, first);
  assert.deepEqual([...view.inputIds(document)], [between, second, first]);
  store.moveInputSync(document, first, between);
  store.setOutputSync(document, first, 5n);
  assert.equal(view.output(document, first), 5n);
  await store.updateOutput(document, first, 6n);
  store.setInputColumnSync(document, first, 'points', 3);
  store.replaceInputSync(document, first, 'uno');
  assert.deepEqual(view.inputs(document)[0], { id: first, value: 'uno', output: 6n, columns: new Map([['points', 3]]) });
  assert.deepEqual([...view.inputColumns(document, first)], [['points', 3]]);
  await store.removeInputColumn(document, first, 'points');
  await store.deleteOutput(document, first);
  await store.deleteInput(document, between);
  store.setColumnSync(document, 'c', null);
  await store.removeColumn(document, 'a');
  assert.deepEqual([...view.columns(document).keys()], ['b', 'c']);
  store.setBlobSync(document, new Uint8Array([1, 2]));
  assert.deepEqual(view.blob(document), new Uint8Array([1, 2]));
  assert.equal(view.inputCount(document), 2n);
  await store.deleteDocument(document);
  assert.equal(view.exists(document), false);
  await store.close();
});

test('what is not there is undefined in reads and an error in writes', async (t) => {
  const store = await Store.open(place(t), quick);
  const view = store.latest;
  for (const read of ['blob', 'blobText', 'columns', 'inputCount', 'inputIds', 'inputs', 'tree', 'packedTree', 'pinBlob',
    'pinPackedTree', 'inputCursor']) {
    assert.equal(view[read](7n), undefined, read);
  }
  assert.equal(view.readBlob(7n, new Uint8Array(1)), undefined);
  const document = store.createDocumentSync();
  assert.equal(view.column(document, 'none'), undefined);
  assert.equal(view.input(document, 1n), undefined);
  assert.equal(view.output(document, 1n), undefined);
  assert.equal(view.inputColumns(document, 1n), undefined);
  assert.deepEqual(view.trees([document, 9n]).map((tree) => tree?.inputCount), [0, undefined]);
  await assert.rejects(store.setBlob(7n, ''), code('NOT_FOUND'));
  assert.throws(() => store.deleteInputSync(document, 4), code('NOT_FOUND'));
  assert.throws(() => store.deleteDocumentSync(1n << 63n), code('NOT_FOUND'));
  await store.close();
});

test('mistakes in arguments are errors with a code', async (t) => {
  const store = await Store.open(place(t), quick);
  const document = store.createDocumentSync();
  for (const bad of [undefined, Symbol('x'), () => 1, 1n << 63n, 'half \ud800', new Date(), new Int8Array(1), { a: undefined }]) {
    assert.throws(() => store.setColumnSync(document, 'a', bad), code('INVALID_ARGUMENT'));
  }
  for (const bad of [-1, 1.5, '1', null, -1n, 1n << 64n]) {
    assert.throws(() => store.latest.blob(bad), code('INVALID_ARGUMENT'));
    await assert.rejects(store.setBlob(bad, ''), code('INVALID_ARGUMENT'));
  }
  const endless = [];
  endless.push(endless);
  assert.throws(() => store.setColumnSync(document, 'a', endless), code('INVALID_ARGUMENT'));
  assert.throws(() => store.setColumnSync(document, '', 1), code('INVALID_ARGUMENT'));
  assert.throws(() => store.putTreeSync({ inputs: ['bare'] }), code('INVALID_ARGUMENT'));
  assert.throws(() => store.putPackedSync(new Uint8Array(100)), code('INVALID_ARGUMENT'));
  assert.throws(() => new Tree(new Uint8Array(100)), code('INVALID_ARGUMENT'));
  assert.throws(() => new Store(), code('INVALID_ARGUMENT'));
  assert.throws(() => Store.attach(12345n), code('INVALID_HANDLE'));
  assert.throws(() => Object.create(Store.prototype).stats(), TypeError);
  await assert.rejects(Store.open('x', { colour: 'red' }), code('INVALID_ARGUMENT'));
  await assert.rejects(Store.open(3), code('INVALID_ARGUMENT'));
  assert.equal(store.stats().documents, 1n);
  await store.close();
});

test('errors of the system and of the store', async (t) => {
  const path = place(t);
  await assert.rejects(Store.open(path, { create: false }), code('OPEN_REFUSED'));
  const store = Store.openSync(pathToFileURL(path), quick);
  await assert.rejects(Store.open(path), code('LOCKED'));
  const error = await Store.open('/proc/nothing/here').catch((error) => error);
  assert.ok(error instanceof StratumError && error instanceof Error);
  assert.equal(error.errno, 2);
  assert.match(error.message, /nothing/);
  store.closeSync();
  const again = Store.openSync(Buffer.from(path), { maxRecordBytes: 10 });
  assert.throws(() => again.createDocumentSync(new Uint8Array(11)), code('TOO_LARGE'));
  again.closeSync();
  assert.match(version, /^\d+\.\d+\.\d+$/);
});

test('batches: all or nothing, ids at once', async (t) => {
  const store = await Store.open(place(t), quick);
  const ids = await store.write((batch) => {
    const document = batch.createDocument('');
    const input = batch.appendInput(document, 1);
    batch.setOutput(document, input, 2);
    assert.equal(batch.size.operations, 3n);
    assert.equal(store.latest.exists(document), false);
    return { document, input };
  });
  assert.equal(store.latest.output(ids.document, ids.input), 2);
  await assert.rejects(store.write((batch) => {
    batch.deleteDocument(ids.document);
    throw new Error('stop');
  }), /stop/);
  assert.throws(() => store.writeSync(async () => 1), code('INVALID_ARGUMENT'));
  const batch = store.batch();
  batch.setBlob(ids.document, 'never');
  batch.clear();
  batch.setBlob(ids.document, 'new');
  assert.equal(typeof batch.commitSync({ durability: 'always' }), 'bigint');
  assert.throws(() => batch.commitSync(), code('CLOSED'));
  assert.throws(() => store.batch().commitSync({ durability: 'never' }), code('INVALID_ARGUMENT'));
  assert.equal(store.latest.blobText(ids.document), 'new');
  await store.close();
});

test('snapshots stay at their moment', async (t) => {
  const store = await Store.open(place(t), quick);
  const document = store.createDocumentSync('old');
  const snapshot = store.snapshot();
  store.setBlobSync(document, 'new');
  assert.equal(snapshot.blobText(document), 'old');
  assert.equal(store.latest.blobText(document), 'new');
  assert.ok(store.latest.sequence > snapshot.sequence);
  assert.equal(snapshot.documentCount, 1n);
  assert.equal(store.stats().snapshots, 1n);
  snapshot[Symbol.dispose]();
  snapshot.free();
  assert.throws(() => snapshot.blob(document), code('CLOSED'));
  await store[Symbol.asyncDispose]();
});

test('cursors', async (t) => {
  const store = await Store.open(place(t), quick);
  const count = 1500;
  store.writeSync((batch) => {
    for (let at = 0; at < count; at += 1) batch.createDocument();
    for (let at = 0; at < count; at += 1) batch.appendInput(1n, 'x'.repeat(at));
  });
  const cursor = store.latest.documents(3);
  assert.deepEqual(cursor.next(), { value: 3n, done: false });
  assert.equal([...cursor].length, count - 3);
  assert.deepEqual(cursor.next(), { value: undefined, done: true });
  assert.deepEqual(cursor.seek(10).next(), { value: 10n, done: false });
  const ids = new BigUint64Array(2);
  assert.equal(cursor.fill(ids), 2);
  assert.deepEqual([...ids], [11n, 12n]);
  assert.throws(() => cursor.fill(new Uint8Array(16)), code('INVALID_ARGUMENT'));
  cursor.free();
  assert.throws(() => cursor.next(), code('CLOSED'));
  const inputs = store.latest.inputCursor(1n);
  assert.equal(inputs.next().value.value, '');
  assert.throws(() => inputs.fill(new Uint8Array(8)), { ...code('BUFFER_TOO_SMALL'), needed: 40 });
  let length = 1;
  for (const input of inputs) {
    assert.equal(input.value.length, length);
    length += 1;
  }
  assert.equal(length, count);
  inputs.free();
  const long = store.appendInputSync(1n, 'y'.repeat(200000));
  assert.equal([...store.latest.inputCursor(1n)].at(-1).id, long);
  await store.close();
});

test('trees are read as they were written, packed or not', async (t) => {
  const store = await Store.open(place(t), quick);
  const columns = { title: 'T', größe: 3n, '\u{1f600}': 1, '\uffff': 2 };
  const inputs = [
    { value: 'in', output: 'out', columns: { points: 5n } },
    { value: new BigInt64Array([1n, -1n]) },
    { value: [], output: null },
  ];
  const ids = store.putTreeSync({ blob: 'blob', columns, inputs });
  assert.deepEqual(ids, { document: 1n, firstInput: 1n, inputCount: 3 });
  const shown = (tree) => [
    tree.blobText,
    new Map(tree.columns),
    Array.from(tree.inputs, ({ id, value, output, columns }) => [id, value, output, new Map(columns)]),
  ];
  const tree = store.latest.tree(ids.document);
  const wanted = [
    'blob',
    new Map(Object.entries(columns)),
    [
      [1n, 'in', 'out', new Map([['points', 5n]])],
      [2n, new BigInt64Array([1n, -1n]), undefined, new Map()],
      [3n, [], null, new Map()],
    ],
  ];
  assert.deepEqual(shown(tree), wanted);
  assert.deepEqual([tree.inputCount, tree.outputCount, tree.input(3), tree.input(-1)], [3, 2, undefined, undefined]);
  assert.deepEqual([...tree.columns.keys()], ['größe', 'title', '\uffff', '\u{1f600}'].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  const again = await store.putTree(tree);
  assert.deepEqual(shown(store.latest.tree(again.document)), wanted);
  const replaced = await store.replacePacked(again.document, tree.packed);
  assert.deepEqual(replaced, { document: again.document, firstInput: 4n, inputCount: 3 });
  assert.deepEqual(store.replaceTreeSync(again.document, {}), { document: again.document, firstInput: 0n, inputCount: 0 });
  assert.deepEqual([...store.latest.allTrees()].map(([id, tree]) => [id, tree.inputCount]), [[1n, 3], [2n, 0]]);
  assert.deepEqual(store.latest.packedTree(1n), tree.packed);
  await store.close();
});

test('pinned bytes outlive their document and their store', async (t) => {
  const store = await Store.open(place(t), quick);
  const document = store.createDocumentSync('0123456789');
  const [blob, tree] = [store.latest.pinBlob(document), store.latest.pinPackedTree(document)];
  store.deleteDocumentSync(document);
  store.closeSync();
  assert.equal(blob.length, 10);
  assert.equal(typeof blob.isBorrowed, 'boolean');
  assert.equal(Buffer.from(blob.slice(2, 5)).toString(), '234');
  const target = new Uint8Array(4);
  assert.equal(blob.copy(target, 8), 2);
  assert.equal(blob.copy(target, 1n << 60n), 0);
  assert.equal(new Tree(tree.slice()).blobText, '0123456789');
  for (const pinned of [blob, tree]) pinned[Symbol.dispose]();
  blob.free();
  assert.throws(() => blob.length, code('CLOSED'));
  assert.throws(() => blob.copy(target), code('CLOSED'));
});

test('packed operations', async (t) => {
  const store = await Store.open(place(t), quick);
  const row = (operation, document) => {
    const bytes = Buffer.alloc(48);
    bytes.writeUInt32LE(operation, 0);
    bytes.writeUInt32LE(6, 4);
    bytes.writeBigUInt64LE(document, 8);
    return bytes;
  };
  assert.deepEqual([...(await store.applyPacked(Buffer.concat([row(1, 0n), row(1, 0n)])))], [1n, 2n]);
  assert.deepEqual([...store.applyPackedSync(row(7, 1n))], [0n]);
  assert.throws(() => store.applyPackedSync(Buffer.concat([row(1, 0n), row(7, 99n)])), { ...code('NOT_FOUND'), applied: 1 });
  await assert.rejects(store.applyPacked(row(77, 0n)), code('INVALID_ARGUMENT'));
  await assert.rejects(store.applyPacked('rows'), code('INVALID_ARGUMENT'));
  assert.equal(store.latest.documentCount, 1n);
  await store.close();
});

test('flush, checkpoint, verify, compact, stats', async (t) => {
  const store = await Store.open(place(t), { ...quick, background: false, segmentSize: 1 << 20 });
  const document = store.createDocumentSync(new Uint8Array(1000));
  const churn = () => {
    for (let at = 0; at < 3000; at += 1) store.setBlobSync(document, new Uint8Array(1000));
  };
  churn();
  await store.flush();
  store.flushSync();
  await store.checkpoint();
  store.checkpointSync();
  assert.ok(store.stats().checkpoints >= 1n);
  const seen = [];
  const fail = () => {
    throw new Error('mine');
  };
  assert.throws(() => store.compactSync({ onProgress: fail }), /mine/);
  churn();
  store.compactSync({ onProgress: () => false });
  churn();
  await assert.rejects(store.compact({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  await assert.rejects(store.compact({ onProgress: fail }), /mine/);
  churn();
  await store.compact({ onProgress: (progress) => void seen.push(progress) });
  assert.ok(seen.at(-1).bytesReclaimed > 0n);
  store.compactSync();
  assert.ok(store.stats().compactions > 0n);
  assert.throws(() => store.compactSync({ onProgress: 3 }), code('INVALID_ARGUMENT'));
  const found = await store.verify();
  assert.deepEqual([found.documents, found.damage], [1n, []]);
  assert.deepEqual(store.verifySync(), found);
  await store.close();
});

test('compaction compresses as the store was opened', async (t) => {
  const blob = 'the same words again and again '.repeat(1000);
  for (const compression of ['none', 'lz4', 'zstd']) {
    const store = await Store.open(place(t), { compression, background: false });
    const document = await store.createDocument(blob);
    await store.compact();
    assert.equal(store.stats().totalBytes < BigInt(blob.length), compression !== 'none');
    assert.equal(store.latest.blobText(document), blob);
    await store.close();
  }
  await assert.rejects(Store.open(place(t), { compression: 'gzip' }), code('INVALID_ARGUMENT'));
});

test('compaction is throttled as the store was opened', async (t) => {
  const blob = 'blob'.repeat(15_000);
  for (const compactionBytesPerSecond of [0, 100_000n]) {
    const store = await Store.open(place(t), { compactionBytesPerSecond, background: false });
    const [gone, stays] = [await store.createDocument(blob), await store.createDocument(blob)];
    await store.deleteDocument(gone);
    await store.compact();
    assert.equal(store.stats().compactionThrottledUs > 0n, compactionBytesPerSecond > 0);
    assert.equal(store.latest.blobText(stays), blob);
    await store.close();
  }
});

test('an abort ends a compaction, and the store goes on', async (t) => {
  const store = await Store.open(place(t), { ...quick, background: false, segmentSize: 1 << 20 });
  const document = store.createDocumentSync('');
  for (let at = 0; at < 40; at += 1) store.setBlobSync(document, new Uint8Array(1 << 20));
  const controller = new AbortController();
  const work = store.compact({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(work, /enough/);
  assert.equal(store.latest.blob(document).length, 1 << 20);
  await store.close();
});

test('a damaged store is reported, and repaired', async (t) => {
  const path = place(t);
  const store = Store.openSync(path);
  for (let at = 0; at < 10; at += 1) store.createDocumentSync('x'.repeat(5000));
  store.closeSync();
  const segment = fs.readdirSync(path, { recursive: true }).map((name) => `${path}/${name}`)
    .filter((name) => fs.statSync(name).isFile()).sort((a, b) => fs.statSync(b).size - fs.statSync(a).size)[0];
  const bytes = fs.readFileSync(segment);
  bytes[20000] ^= 1;
  fs.writeFileSync(segment, bytes);
  const dry = await repair(path, undefined, { dryRun: true });
  assert.equal(dry.outcome, 'dryRun');
  assert.equal(dry.isLossless, false);
  assert.ok(dry.findings.some(({ isLoss, line }) => isLoss && line.length > 0));
  const stopped = repairSync(path, `${path}-stopped`, { onProgress: () => false });
  assert.equal(stopped.outcome, 'stopped');
  const steps = [];
  const report = await repair(path, `${path}-new`, { onProgress: (progress) => void steps.push(progress), segmentSize: 1 << 20 });
  assert.equal(report.outcome, 'written');
  assert.equal(report.documentsWhole, 9n);
  assert.equal((await Store.open(`${path}-new`)).latest.documentCount, 9n + report.documentsInPart);
  await assert.rejects(repair(path, `${path}-new`), (error) => error.code === 'STRATUM_OPEN_REFUSED' || error.code === 'STRATUM_LOCKED');
});

'use strict';
// Handles that are closed, closed twice, forgotten, or closed while something is under way.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');
const { Store } = require('../index.cjs');
const { place, collect, descriptors, code } = require('./support.cjs');

const quick = { durability: 'os', background: false };

test('after a close everything says so, and closing again is no error', async (t) => {
  const store = await Store.open(place(t), quick);
  const document = store.createDocumentSync('x');
  const [view, snapshot, batch] = [store.latest, store.snapshot(), store.batch()];
  const [documents, inputs] = [view.documents(), view.inputCursor(document)];
  await Promise.all([store.close(), store.close()]);
  await store.close();
  store.closeSync();
  const calls = [
    () => view.blob(document), () => snapshot.tree(document), () => batch.createDocument(), () => batch.commitSync(),
    () => documents.next(), () => inputs.next(), () => store.snapshot(), () => store.batch(), () => store.stats(),
    () => store.flushSync(), () => store.createDocumentSync(), () => store.verifySync(), () => store.compactSync(),
    () => view.sequence, () => view.documentCount, () => view.exists(1n), () => view.documents(),
  ];
  for (const [at, call] of calls.entries()) assert.throws(call, code('CLOSED'), `call ${at}`);
  for (const name of ['flush', 'checkpoint', 'verify', 'compact', 'createDocument']) {
    await assert.rejects(store[name](), code('CLOSED'), name);
  }
  for (const handle of [snapshot, batch, documents, inputs, snapshot, batch, documents, inputs]) handle.free();
});

test('a close waits for what is under way', async (t) => {
  const place_ = place(t);
  const store = await Store.open(place_, quick);
  const document = store.createDocumentSync('');
  for (let at = 0; at < 20; at += 1) store.setBlobSync(document, new Uint8Array(1 << 20));
  const under = [store.compact(), store.verify(), store.flush(), store.createDocument('late'), store.close()];
  const settled = await Promise.allSettled(under);
  for (const { status, reason } of settled) assert.ok(status === 'fulfilled' || reason.code === 'STRATUM_CLOSED', String(reason));
  assert.equal(settled.at(-1).status, 'fulfilled');
  const again = await Store.open(place_, quick);
  const late = settled[3].status === 'fulfilled' ? 2n : 1n;
  assert.equal(again.latest.documentCount, late);
  again.closeSync();
});

test('closeSync while promises are pending', async (t) => {
  const store = await Store.open(place(t), quick);
  const pending = Array.from({ length: 50 }, (_, at) => store.createDocument(`document ${at}`));
  const closing = store.close();
  store.closeSync();
  for (const { status, reason } of await Promise.allSettled(pending)) {
    assert.ok(status === 'fulfilled' || reason.code === 'STRATUM_CLOSED', String(reason));
  }
  await closing;
});

test('many promises at once', async (t) => {
  const store = await Store.open(place(t));
  const ids = await Promise.all(Array.from({ length: 300 }, (_, at) => store.createDocument(`document ${at}`)));
  assert.equal(new Set(ids).size, 300);
  for (const [at, id] of ids.entries()) assert.equal(store.latest.blobText(id), `document ${at}`);
  await store.close();
});

test('a batch that commits takes no writes meanwhile', async (t) => {
  // Where the commit is late the batch takes writes until it is full: that is not to fill the memory, too.
  const store = await Store.open(place(t), { maxBatchBytes: 16 << 20, maxRecordBytes: 16 << 20 });
  const batch = store.batch();
  for (let at = 0; at < 5000; at += 1) batch.createDocument('x');
  const commit = batch.commit();
  assert.throws(() => { for (;;) batch.createDocument('late'); }, (error) => ['STRATUM_BUSY', 'STRATUM_CLOSED'].includes(error.code)
    || error.code === 'STRATUM_TOO_LARGE');
  await commit.catch((error) => assert.equal(error.code, 'STRATUM_BUSY'));
  await store.close();
});

test('a forgotten store is closed when it is collected', async (t) => {
  const where = place(t);
  (function forget() {
    const store = Store.openSync(where, quick);
    store.latest.documents(store.createDocumentSync('x'));
    store.snapshot();
    store.batch();
  })();
  let store;
  const opened = await collect(() => {
    try {
      store = Store.openSync(where, quick);
    } catch (error) {
      assert.equal(error.code, 'STRATUM_LOCKED');
    }
    return store !== undefined;
  });
  assert.ok(opened, 'the store is still open');
  store.closeSync();
});

test('what refers to a store keeps it open', async (t) => {
  const view = Store.openSync(place(t), quick).latest;
  await collect(() => false);
  assert.equal(view.documentCount, 0n);
  const promise = Store.openSync(place(t), quick).createDocument('x');
  await collect(() => false);
  assert.equal(await promise, 1n);
});

test('garbage is collected during calls', async (t) => {
  const store = await Store.open(place(t), quick);
  const columns = { get name() { globalThis.gc(); return 'n'; }, list: [1, 2n, 'x'] };
  for (let at = 0; at < 20; at += 1) {
    const { document } = store.putTreeSync({ blob: 'b', columns, inputs: [{ value: 'i', columns }] });
    const rows = [];
    for (const [, tree] of store.latest.allTrees()) {
      globalThis.gc();
      rows.push(tree.input(0).columns.get('name'));
    }
    assert.deepEqual(rows, Array(at + 1).fill('n'));
    const pending = store.setColumn(document, 'late', columns);
    globalThis.gc();
    await pending;
  }
  await store.compact({ onProgress: () => globalThis.gc() });
  await store.close();
});

test('a thousand stores, opened and closed, leave no memory and no descriptors behind', async (t) => {
  const where = place(t);
  const cycle = async (at) => {
    const store = at % 2 ? await Store.open(where, quick) : Store.openSync(where, quick);
    const document = store.createDocumentSync('x'.repeat(1000), { at });
    store.latest.tree(document);
    const snapshot = store.snapshot();
    store.deleteDocumentSync(document);
    if (at % 3) snapshot.free();
    if (at % 5) await store.close();
    else store.closeSync();
    // A snapshot that was forgotten keeps all its segments mapped, and a process may have so many mappings at a time.
    let turns = 5;
    if (at % 50 === 49) await collect(() => (turns -= 1) < 0);
  };
  const settle = () => collect(() => false);
  for (let at = 0; at < 200; at += 1) await cycle(at);
  await settle();
  const [memory, files] = [process.memoryUsage().rss, descriptors()];
  for (let at = 0; at < 1000; at += 1) await cycle(at);
  await settle();
  assert.ok(descriptors() <= files, `${descriptors()} descriptors, not ${files}`);
  const grown = process.memoryUsage().rss - memory;
  assert.ok(grown < 48 << 20, `${grown} bytes more`);
});

test('a process that ends with open stores and pending promises ends well', (t) => {
  const program = `const { Store } = require(${JSON.stringify(path.join(__dirname, '../index.cjs'))});
    const store = Store.openSync(process.argv[1], { durability: 'os' });
    store.createDocumentSync('kept');
    store.latest.documents();
    store.verify();
    store.createDocument('perhaps');
    process.on('exit', () => console.log('bye'));
    if (process.argv[2]) process.exit(0);`;
  const where = place(t);
  for (const how of ['', 'exit']) {
    const said = execFileSync(process.execPath, ['-e', program, where, how], { encoding: 'utf8' });
    assert.equal(said, 'bye\n');
  }
  const store = Store.openSync(where);
  assert.ok(store.latest.documentCount >= 2n);
  store.closeSync();
});

'use strict';
// One store and many worker threads; stores that belong to a worker.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { Store } = require('../index.cjs');
const { place, code } = require('./support.cjs');

const index = JSON.stringify(path.join(__dirname, '../index.cjs'));

/** Runs a program in a worker; gives what it posts last. */
function work(program, workerData) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(`const { parentPort, workerData } = require('node:worker_threads');
      const { Store } = require(${index});
      (async () => { ${program} })();`, { eval: true, workerData });
    let last;
    worker.on('message', (message) => { last = message; });
    worker.on('error', reject);
    worker.on('exit', () => resolve(last));
  });
}

test('workers hammer one store', async (t) => {
  const store = await Store.open(place(t), { durability: 'os', segmentSize: 1 << 20 });
  const shared = store.createDocumentSync('0');
  const program = `const store = Store.attach(workerData.token);
    const ids = [];
    for (let at = 0; at < 400; at += 1) {
      const id = at % 2 ? store.createDocumentSync('w' + at, { worker: workerData.worker }) : await store.createDocument('w' + at);
      ids.push(id);
      store.setBlobSync(workerData.shared, 'x'.repeat(at));
      if (store.latest.blobText(id) !== 'w' + at) throw new Error('not what was written');
      const snapshot = store.snapshot();
      const before = snapshot.blobText(workerData.shared);
      for (const [, tree] of snapshot.allTrees(id)) tree.blobText;
      if (snapshot.blobText(workerData.shared) !== before) throw new Error('a snapshot moved');
      if (at % 3) snapshot.free();
    }
    store.closeSync();
    store.stats();
    parentPort.postMessage(ids);`;
  const token = store.share();
  const jobs = [0, 1, 2, 3].map((worker) => work(program, { token, shared, worker }));
  const compacting = (async () => { for (let at = 0; at < 5; at += 1) await store.compact(); })();
  const ids = (await Promise.all(jobs)).flat();
  await compacting;
  assert.equal(new Set(ids).size, 1600);
  assert.equal(store.latest.documentCount, 1601n);
  assert.deepEqual((await store.verify()).damage, []);
  await store.close();
  assert.throws(() => Store.attach(token), code('CLOSED'));
});

test('a worker that ends closes its stores, also with promises pending', async (t) => {
  const where = place(t);
  for (let turn = 0; turn < 10; turn += 1) {
    const token = await work(`const store = Store.openSync(workerData.where);
      store.createDocumentSync('x');
      parentPort.postMessage(store.share());
      for (let at = 0; at < 20; at += 1) store.createDocument('late').catch(() => undefined);
      store.compact({ onProgress() {} }).catch(() => undefined);
      if (workerData.turn % 2) process.exit();`, { where, turn });
    assert.throws(() => Store.attach(token), code('CLOSED'));
  }
  const store = Store.openSync(where);
  assert.ok(store.latest.documentCount >= 10n);
  store.closeSync();
});

'use strict';
// What the tests share: directories that go away with the test, and waiting for the garbage collector.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');

/** A path for a store, in a directory that is removed when the test ends. */
function place(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'stratum-node-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return path.join(dir, 'store');
}

/** Collects garbage until `done()`; finalizers run in later turns of the loop. */
async function collect(done) {
  for (let left = 100; left > 0 && !done(); left -= 1) {
    globalThis.gc();
    await turn();
  }
  return done();
}

const descriptors = () => fs.readdirSync('/proc/self/fd').length;

const code = (name) => ({ name: 'StratumError', code: `STRATUM_${name}` });

module.exports = { place, collect, descriptors, code };

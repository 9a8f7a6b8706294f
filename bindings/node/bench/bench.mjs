// Stratum beside better-sqlite3: the same trees in both, in one run. `npm ci && npm start`; build Stratum's addon before
// (`npm run build` one folder up).
//
// 1. Both write without waiting for the disk (durability os; synchronous off, WAL), so that what is measured is the engine
//    and its binding. Batches of as many trees.
// 2. A tree is a statement of 600 bytes, two columns and twenty tests, each with an output. In SQLite it is a row, and
//    twenty rows of a table whose key is (document, position): read by two prepared statements.
// 3. Reading a tree means to have seen its statement, its columns, and each input and output as JavaScript values.

import Database from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Store } from 'stratum-store';

const trees = Number(process.env.TREES ?? 5000);
const batch = 100;
const dir = mkdtempSync(path.join(os.tmpdir(), 'stratum-bench-'));

const statement = 'Add the numbers. '.repeat(36);
const tests = Array.from({ length: 20 }, (_, at) => ({
  value: `${at} ${at * 7} ${'1234567890 '.repeat(5)}`,
  output: `${at * 8}\n`,
}));

let check = 0;
/** Nothing that is read may be left out by the engine. */
const use = (text) => {
  check = (check + text.length) % 1000003;
};

/** The best of three: units a second. */
function rate(units, work) {
  let best = 0;
  for (let turn = 0; turn < 3; turn += 1) {
    const begun = process.hrtime.bigint();
    work(turn);
    best = Math.max(best, (units * 1e9) / Number(process.hrtime.bigint() - begun));
  }
  return best;
}

const store = Store.openSync(path.join(dir, 'stratum'), { durability: 'os', background: false });
const db = new Database(path.join(dir, 'sqlite'));
db.pragma('journal_mode = WAL');
db.pragma('synchronous = OFF');
db.exec(`CREATE TABLE document (id INTEGER PRIMARY KEY, name TEXT, lim INTEGER, statement TEXT);
  CREATE TABLE test (document INTEGER, position INTEGER, input TEXT, output TEXT, PRIMARY KEY (document, position)) WITHOUT ROWID`);
const addDocument = db.prepare('INSERT INTO document (name, lim, statement) VALUES (?, ?, ?)');
const addTest = db.prepare('INSERT INTO test VALUES (?, ?, ?, ?)');
const getDocument = db.prepare('SELECT name, lim, statement FROM document WHERE id = ?');
const getTests = db.prepare('SELECT input, output FROM test WHERE document = ? ORDER BY position');
const allTests = db.prepare('SELECT document, input, output FROM test ORDER BY document, position');
const getName = db.prepare('SELECT name FROM document WHERE id = ?').pluck();
const getTest = db.prepare('SELECT input FROM test WHERE document = ? AND position = ?').pluck();
const getStatement = db.prepare('SELECT statement FROM document WHERE id = ?').pluck();

function useTree(tree) {
  use(tree.blobText);
  use(tree.columns.get('name'));
  use(String(tree.columns.get('limit')));
  for (const { value, output } of tree.inputs) {
    use(value);
    use(output);
  }
}

function useRows({ name, lim, statement }, rows) {
  use(statement);
  use(name);
  use(String(lim));
  for (const { input, output } of rows) {
    use(input);
    use(output);
  }
}

const view = store.latest;
const at = (number) => BigInt((number % trees) + 1);
const lines = [];
const compare = (what, unit, units, ours, theirs) => lines.push([what, unit, rate(units, ours), rate(units, theirs)]);

compare('write trees', 'trees/s', trees, () => {
  for (let done = 0; done < trees; done += batch) {
    store.writeSync((writes) => {
      for (let tree = 0; tree < batch; tree += 1) {
        writes.putTree({ blob: statement, columns: { name: 'Sum', limit: 3n }, inputs: tests });
      }
    });
  }
}, () => {
  for (let done = 0; done < trees; done += batch) {
    db.transaction(() => {
      for (let tree = 0; tree < batch; tree += 1) {
        const { lastInsertRowid } = addDocument.run('Sum', 3, statement);
        tests.forEach(({ value, output }, position) => addTest.run(lastInsertRowid, position, value, output));
      }
    })();
  }
});

compare('read trees by id', 'trees/s', trees, () => {
  for (let tree = 0; tree < trees; tree += 1) useTree(view.tree(at(tree * 7919)));
}, () => {
  for (let tree = 0; tree < trees; tree += 1) {
    const id = at(tree * 7919);
    useRows(getDocument.get(id), getTests.all(id));
  }
});

compare('read all trees', 'trees/s', 3 * trees, () => {
  for (const [, tree] of view.allTrees()) useTree(tree);
}, () => {
  let document = 0;
  for (const row of allTests.iterate()) {
    if (row.document !== document) {
      document = row.document;
      useRows(getDocument.get(document), []);
    }
    use(row.input);
    use(row.output);
  }
});

compare('name and one test of each tree', 'trees/s', 3 * trees, () => {
  for (const [, tree] of view.allTrees()) {
    use(tree.columns.get('name'));
    use(tree.input(10).value);
  }
}, () => {
  for (let id = 1n; id <= 3n * BigInt(trees); id += 1n) {
    use(getName.get(id));
    use(getTest.get(id, 10));
  }
});

const calls = 200000;
const call = (what, ours, theirs) => compare(what, 'ns/call', calls, ours, theirs);
call('exists', () => { for (let n = 0; n < calls; n += 1) use(view.exists(at(n)) ? 'x' : ''); },
  () => { for (let n = 0; n < calls; n += 1) use(getName.get(at(n)) === undefined ? '' : 'x'); });
call('one column', () => { for (let n = 0; n < calls; n += 1) use(view.column(at(n), 'name')); },
  () => { for (let n = 0; n < calls; n += 1) use(getName.get(at(n))); });
call('one input', () => { for (let n = 0; n < calls; n += 1) use(view.input(at(n), 11n)); },
  () => { for (let n = 0; n < calls; n += 1) use(getTest.get(at(n), 10)); });
call('blob as text', () => { for (let n = 0; n < calls; n += 1) use(view.blobText(at(n))); },
  () => { for (let n = 0; n < calls; n += 1) use(getStatement.get(at(n))); });

console.log(`${trees} trees of ${tests.length} tests; best of 3; check ${check}`);
console.log('| | unit | Stratum | better-sqlite3 | Stratum is faster by |');
console.log('|---|---|---|---|---|');
for (const [what, unit, ours, theirs] of lines) {
  const shown = (rate) => Math.round(unit === 'ns/call' ? 1e9 / rate : rate);
  console.log(`| ${what} | ${unit} | ${shown(ours)} | ${shown(theirs)} | ${(ours / theirs).toFixed(2)} |`);
}
store.closeSync();
db.close();
rmSync(dir, { recursive: true });

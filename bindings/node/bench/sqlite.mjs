// What compare.mjs measures of better-sqlite3: a row for the document and one for each test, whose key is (document,
// position). Every statement is prepared once; WAL, and the file mapped.

import Database from 'better-sqlite3';

const size = (value) => (typeof value === 'string' ? value.length : value);

function sizeOf({ name, bound, statement }, tests) {
  let sum = statement.length + name.length + bound;
  for (const { input, output } of tests) sum += size(input) + size(output);
  return sum;
}

const SCHEMA = `
  CREATE TABLE document (id INTEGER PRIMARY KEY, name TEXT, bound REAL, statement TEXT);
  CREATE TABLE test (document INTEGER, position INTEGER, input, output, PRIMARY KEY (document, position)) WITHOUT ROWID`;

export class Sqlite {
  constructor(place, durable) {
    const db = new Database(place);
    this.db = db;
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${durable ? 'FULL' : 'OFF'}`);
    db.pragma('mmap_size = 4294967296');
    db.exec(SCHEMA);
    this.addDocument = db.prepare('INSERT INTO document (name, bound, statement) VALUES (?, ?, ?)');
    this.addTest = db.prepare('INSERT INTO test VALUES (?, ?, ?, ?)');
    this.getDocument = db.prepare('SELECT name, bound, statement FROM document WHERE id = ?');
    this.getTests = db.prepare('SELECT input, output FROM test WHERE document = ? ORDER BY position');
    this.someDocuments = db.prepare('SELECT id, name, bound, statement FROM document WHERE id > ? ORDER BY id LIMIT 64');
    this.someTests = db.prepare(
      'SELECT input, output FROM test WHERE document > ? AND document <= ? ORDER BY document, position',
    );
    this.allOnes = db.prepare(
      'SELECT name, output FROM document JOIN test ON document = id AND position = 10 ORDER BY id',
    );
    this.find = db.prepare('SELECT 1 FROM document WHERE id = ?').pluck();
    this.getName = db.prepare('SELECT name FROM document WHERE id = ?').pluck();
    this.getInput = db.prepare('SELECT input FROM test WHERE document = ? AND position = 10').pluck();
    this.getOutput = db.prepare('SELECT output FROM test WHERE document = ? AND position = 10').pluck();
    this.getStatement = db.prepare('SELECT statement FROM document WHERE id = ?').pluck();
    this.getBytes = db.prepare('SELECT CAST(statement AS BLOB) FROM document WHERE id = ?').pluck();
    this.setOne = db.prepare('UPDATE test SET output = ? WHERE document = ? AND position = 10');
    this.writeAll = db.transaction((trees) => trees.forEach((tree) => this.add(tree)));
    this.ids = [];
  }

  add({ blob, columns, inputs }) {
    const { lastInsertRowid: id } = this.addDocument.run(columns.name, columns.limit, blob);
    this.ids.push(id);
    for (let at = 0; at < inputs.length; at += 1) this.addTest.run(id, at, inputs[at].value, inputs[at].output);
  }

  write(trees) {
    this.writeAll(trees);
  }

  tree(id) {
    return sizeOf(this.getDocument.get(id), this.getTests.all(id));
  }

  allTrees() {
    let sum = 0;
    let last = 0;
    // As many in a call as Stratum's allTrees reads.
    for (let some = this.someDocuments.all(0); some.length > 0; some = this.someDocuments.all(last)) {
      const from = last;
      last = some.at(-1).id;
      for (const document of some) sum += sizeOf(document, []);
      for (const { input, output } of this.someTests.all(from, last)) sum += size(input) + size(output);
    }
    return sum;
  }

  oneOfAll() {
    let sum = 0;
    for (const { name, output } of this.allOnes.iterate()) sum += name.length + output.length;
    return sum;
  }

  exists(id) {
    return this.find.get(id) !== undefined;
  }

  column(id) {
    return this.getName.get(id);
  }

  input(id) {
    return this.getInput.get(id);
  }

  output(id) {
    return this.getOutput.get(id);
  }

  blobText(id) {
    return this.getStatement.get(id);
  }

  blob(id) {
    return this.getBytes.get(id);
  }

  setOutput(id, value) {
    this.setOne.run(value, id);
  }

  close() {
    this.db.close();
  }
}

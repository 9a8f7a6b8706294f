'use strict';
// The conformance runner of the Node.js package: `run WORK FILE...`, `dump STORE...`; ../README.md tells what they do.
//
// 1. It uses the package's public API alone: what that lacks the suite cannot pass.
// 2. A handle that was freed stays under its name: the package has to answer STRATUM_CLOSED.
// 3. Steps are run one after the other, writes by turns as promises and at once.

const fs = require('node:fs');
const path = require('node:path');
const { Store, StratumError, Tree } = require('../../node/index.cjs');
const wire = require('./wire.cjs');

/** What a call gives where there is nothing: the status that stands for it. */
const status = (code) => new StratumError(code);

function found(given, show) {
  if (given === undefined) throw status('STRATUM_NOT_FOUND');
  return show(given);
}

const camel = (verb) => verb.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** The arguments of each write, as the package takes them. */
const writes = {
  create_document: ['blob', 'columns'],
  put_tree: ['tree'],
  replace_tree: ['document', 'tree'],
  put_packed: ['packed'],
  replace_packed: ['document', 'packed'],
  set_blob: ['document', 'blob'],
  set_column: ['document', 'name', 'value'],
  remove_column: ['document', 'name'],
  delete_document: ['document'],
  append_input: ['document', 'value'],
  insert_input: ['document', 'before', 'value'],
  move_input: ['document', 'input', 'before'],
  replace_input: ['document', 'input', 'value'],
  set_input_column: ['document', 'input', 'name', 'value'],
  remove_input_column: ['document', 'input', 'name'],
  delete_input: ['document', 'input'],
  set_output: ['document', 'input', 'value'],
  update_output: ['document', 'input', 'value'],
  delete_output: ['document', 'input'],
};

class Run {
  constructor(dir) {
    this.dir = dir;
    this.things = new Map();
    this.ids = new Map();
    this.turn = 0;
  }

  resolve(text) {
    return text.startsWith('$') ? this.ids.get(text.slice(1)) : BigInt(text);
  }

  argument(name) {
    const given = this.args[name];
    switch (name) {
      case 'blob':
        return wire.unhex(given ?? '');
      case 'columns':
        return wire.toColumns(given);
      case 'tree':
        return wire.toTree(given);
      case 'value':
        return wire.toValue(given);
      case 'name':
        return given;
      case 'packed':
        return given.startsWith('$') ? this.things.get(given.slice(1)).thing : wire.unhex(given);
      default:
        return this.resolve(given);
    }
  }

  keep(kind, thing) {
    if (this.saveAs !== undefined) this.things.set(this.saveAs, { kind, thing });
  }

  keepId(suffix, id) {
    if (this.saveAs !== undefined) this.ids.set(this.saveAs + suffix, id);
  }

  madeId(id) {
    this.keepId('', id);
    return wire.number(id);
  }

  async step(step) {
    this.args = step.args ?? {};
    this.saveAs = step.save_as;
    const { op } = step;
    if (op === 'db_open') return this.open();
    if (op.startsWith('file_')) return this.file(op);
    const { kind, thing } = this.things.get(step.on);
    return this[kind](thing, op);
  }

  async open() {
    const store = path.join(this.dir, this.args.path);
    this.turn += 1;
    const { options } = this.args;
    this.keep('store', this.turn % 2 ? await Store.open(store, options) : Store.openSync(store, options));
  }

  file(op) {
    const file = path.join(this.dir, this.args.file);
    if (op === 'file_write') {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, wire.unhex(this.args.bytes));
      return;
    }
    const bytes = fs.readFileSync(file);
    bytes[Number(this.args.offset)] ^= wire.unhex(this.args.mask)[0];
    fs.writeFileSync(file, bytes);
  }

  /** A write on a store or a batch, by its name there. */
  async write(target, verb, suffix) {
    if (verb === 'apply_packed') {
      const ids = await target[`applyPacked${suffix}`](wire.unhex(this.args.operations));
      return wire.list(ids, wire.number);
    }
    const names = writes[verb];
    if (names === undefined) throw new Error(`no write: ${verb}`);
    const made = await target[camel(verb) + suffix](...names.map((name) => this.argument(name)));
    if (typeof made === 'bigint') return this.madeId(made);
    if (made === undefined) return undefined;
    this.keepId('', made.document);
    this.keepId('.input', made.firstInput);
    const [document, first, count] = [made.document, made.firstInput, made.inputCount].map(wire.number);
    return `{"document":${document},"first_input":${first},"input_count":${count}}`;
  }

  async store(db, op) {
    switch (op) {
      case 'db_close':
        return db.close();
      case 'db_latest':
        db.stats(); // A store that is closed has a view, whose reads say so.
        return this.keep('view', db.latest);
      case 'db_snapshot':
        return this.keep('view', db.snapshot());
      case 'batch_create':
        return this.keep('batch', db.batch());
      case 'db_flush':
        return db.flush();
      case 'db_checkpoint':
        return db.checkpoint();
      case 'db_compact_now':
        return this.args.progress === 'stop' ? db.compactSync({ onProgress: () => false }) : db.compact();
      case 'db_stats': {
        const { documents, nodes, snapshots, commits, sequence, poisoned } = db.stats();
        const figures = Object.entries({ documents, nodes, snapshots, commits, sequence });
        return `{${figures.map(([name, figure]) => `"${name}":"${figure}"`).join(',')},"poisoned":${poisoned}}`;
      }
      case 'db_verify': {
        const { documents, inputs, outputs, damage } = await db.verify();
        const figures = Object.entries({ documents, inputs, outputs, damage: damage.length });
        return `{${figures.map(([name, figure]) => `"${name}":"${figure}"`).join(',')}}`;
      }
      default:
        this.turn += 1;
        return this.write(db, op.slice('db_'.length), this.turn % 2 ? '' : 'Sync');
    }
  }

  async batch(batch, op) {
    switch (op) {
      case 'batch_commit':
        return wire.number(await batch.commit({ durability: this.args.durability }));
      case 'batch_clear':
        return batch.clear();
      case 'batch_free':
        return batch.free();
      case 'batch_size': {
        const { operations, bytes } = batch.size;
        return `{"operations":"${operations}","bytes":"${bytes}"}`;
      }
      default:
        return this.write(batch, op.slice('batch_'.length), '');
    }
  }

  view(view, op) {
    const document = () => this.argument('document');
    switch (op) {
      case 'view_free':
        return view.free();
      case 'view_sequence':
        return wire.number(view.sequence);
      case 'view_document_count':
        return wire.number(view.documentCount);
      case 'view_exists':
        return String(view.exists(document()));
      case 'view_documents':
        return this.keep('documents', view.documents(this.resolve(this.args.from)));
      case 'view_input_cursor':
        return found(view.inputCursor(document()), (cursor) => this.keep('inputs', cursor));
      case 'view_packed_trees':
        return wire.hex(view.packedTrees(this.args.documents.map((text) => this.resolve(text))));
      case 'view_blob':
      case 'view_packed_tree':
        return found(op === 'view_blob' ? view.blob(document()) : view.packedTree(document()), (bytes) => {
          this.keep('bytes', bytes);
          return wire.hex(bytes);
        });
      case 'view_read_blob': {
        const buffer = new Uint8Array(Number(this.args.capacity));
        return found(view.readBlob(document(), buffer), (length) => wire.hex(buffer.subarray(0, length)));
      }
      case 'view_tree':
        return found(view.tree(document()), (tree) => {
          this.keep('tree', tree);
          return wire.tree(tree);
        });
      default:
        return this.part(view, op, document());
    }
  }

  part(view, op, document) {
    switch (op) {
      case 'view_columns':
        return found(view.columns(document), wire.columns);
      case 'view_column':
        return found(view.column(document, this.args.name), wire.value);
      case 'view_input_count':
        return found(view.inputCount(document), wire.number);
      case 'view_input_ids':
        return found(view.inputIds(document), (ids) => wire.list(ids, wire.number));
      case 'view_inputs':
        return found(view.inputs(document), (inputs) => wire.list(inputs, wire.input));
      case 'view_input':
        return found(view.input(document, this.argument('input')), wire.value);
      case 'view_input_columns':
        return found(view.inputColumns(document, this.argument('input')), wire.columns);
      case 'view_output':
        return found(view.output(document, this.argument('input')), wire.value);
      default:
        throw new Error(`no read: ${op}`);
    }
  }

  documents(cursor, op) {
    if (op === 'document_cursor_free') return cursor.free();
    if (op === 'document_cursor_seek') return void cursor.seek(this.resolve(this.args.from));
    if (op === 'document_cursor_fill') {
      const ids = new BigUint64Array(Number(this.args.capacity));
      const count = cursor.fill(ids);
      if (count === 0) throw status('STRATUM_END');
      return wire.list(ids.subarray(0, count), wire.number);
    }
    const { value, done } = cursor.next();
    if (done) throw status('STRATUM_END');
    return this.madeId(value);
  }

  inputs(cursor, op) {
    if (op === 'input_cursor_free') return cursor.free();
    if (op === 'input_cursor_fill') {
      const buffer = new Uint8Array(Number(this.args.capacity));
      const length = cursor.fill(buffer);
      if (length === 0) throw status('STRATUM_END');
      return wire.hex(buffer.subarray(0, length));
    }
    const { value, done } = cursor.next();
    if (done) throw status('STRATUM_END');
    return wire.input(value);
  }

  // What was read belongs to JavaScript: it is freed when nobody has it any more.
  tree(tree, op) {
    if (op === 'tree_free') return this.gone(tree);
    return wire.tree(new Tree(tree.packed));
  }

  bytes(bytes, op) {
    return op === 'pinned_free' ? this.gone(bytes) : wire.hex(bytes);
  }

  gone(thing) {
    for (const kept of this.things.values()) if (kept.thing === thing) kept.kind = 'freed';
  }

  freed(thing, op) {
    if (!op.endsWith('_free')) throw status('STRATUM_CLOSED');
  }

  close() {
    for (const { kind, thing } of this.things.values()) if (kind === 'store') thing.closeSync();
  }
}

async function runScript(script, dir, print) {
  fs.mkdirSync(dir, { recursive: true });
  print(`{"script":${wire.quote(script.name)}}`);
  const run = new Run(dir);
  for (const [at, step] of script.steps.entries()) {
    const head = `{"step":${at + 1},"op":${wire.quote(step.op)},"status":`;
    try {
      const value = await run.step(step);
      print(`${head}"STRATUM_OK"${value === undefined ? '' : `,"value":${value}`}}`);
    } catch (error) {
      if (!(error instanceof StratumError)) throw new Error(`${script.name}, step ${at + 1}`, { cause: error });
      print(`${head}"${error.code}"}`);
    }
  }
  run.close();
}

async function dump(store, print) {
  try {
    const db = await Store.open(store, { create: false });
    const view = db.snapshot();
    for (const [id, tree] of view.allTrees()) print(`{"document":${wire.number(id)},"tree":${wire.tree(tree)}}`);
    print(`{"documents":${wire.number(view.documentCount)}}`);
    view.free();
    await db.close();
  } catch (error) {
    if (!(error instanceof StratumError)) throw error;
    print(`{"status":"${error.code}"}`);
  }
}

async function main([command, ...rest]) {
  const lines = [];
  const print = (line) => lines.push(line);
  if (command === 'run') {
    const [work, ...files] = rest;
    let number = 0;
    for (const file of files) {
      for (const script of JSON.parse(fs.readFileSync(file, 'utf8')).scripts) {
        await runScript(script, path.join(work, String(number)), print);
        number += 1;
      }
    }
  } else if (command === 'dump') {
    for (const [number, store] of rest.entries()) {
      print(`{"store":${number}}`);
      await dump(store, print);
    }
  } else {
    throw new Error('usage: runner run WORK FILE... | runner dump STORE...');
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 2;
});

// Stratum beside better-sqlite3: the same trees, the same questions, in one run.
//
//     bindings/node/bench/run.sh [TREES [ROUNDS]]
//
// A tree is a problem: 600 bytes of statement, two columns, twenty tests of an input and an answer, which are texts or
// numbers.
//
// 1. Each figure is the best of several rounds, in which the two take turns, each with new files.
// 2. Both give back what was written, which is compared before anything is measured.
// 3. What is read has become a value of JavaScript, and is used; ids are given in the form in which each hands them out.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Sqlite } from './sqlite.mjs';
import { Stratum } from './stratum.mjs';

const count = Number(process.argv[2] ?? 5000);
const rounds = Number(process.argv[3] ?? 5);
const atOnce = 100;
const durableWrites = 100;
if (!(count >= atOnce && count % atOnce === 0 && rounds >= 1)) {
  console.error(`compare: TREES is a multiple of ${atOnce}, ROUNDS at least 1`);
  process.exit(1);
}

function make(number) {
  const inputs = Array.from({ length: 20 }, (_, at) => ({
    value: `${number} ${at} ${'1234567890 '.repeat(5)}`,
    output: at % 2 === 0 ? `answer ${number * at}\n` : number * at,
  }));
  return { blob: 'Add the numbers. '.repeat(36), columns: { name: `Problem ${number}`, limit: 2.5 }, inputs };
}

/** What a reader of a tree has used of it. */
const size = (value) => (typeof value === 'string' ? value.length : value);
function sizeOf({ blob, columns, inputs }) {
  const own = blob.length + size(columns.name) + columns.limit;
  return inputs.reduce((sum, { value, output }) => sum + size(value) + size(output), own);
}

const trees = Array.from({ length: count }, (_, at) => make(at + 1));
const expected = trees.map(sizeOf);
const total = expected.reduce((sum, size) => sum + size);
const place = mkdtempSync(path.join(os.tmpdir(), 'stratum-bench-'));

function same(found, wanted, what) {
  if (found !== wanted) throw new Error(`${what}: ${found} was read where ${wanted} was written`);
}

/** Nanoseconds that each of `calls` takes. */
function took(calls, call) {
  globalThis.gc();
  const begun = process.hrtime.bigint();
  for (let at = 0; at < calls; at += 1) call(at);
  return Number(process.hrtime.bigint() - begun) / calls;
}

/** All that is measured, with one of the two: [what, nanoseconds]. */
function measured(open) {
  const fast = open('fast', false);
  const durable = open('durable', true);
  const figures = [];
  const measure = (what, calls, call, each = 1) => figures.push([what, took(calls, call) / each]);

  const some = (at) => trees.slice(at * atOnce, (at + 1) * atOnce);
  measure('write a tree, 100 at once', count / atOnce, (at) => fast.write(some(at)), atOnce);
  measure('write a tree, durable', durableWrites, (at) => durable.write([trees[at]]));
  const { ids } = fast;
  ids.forEach((id, at) => same(fast.tree(id), expected[at], `tree ${at}`));
  same(fast.allTrees(), total, 'all trees');

  let used = 0;
  const scattered = (at) => ids[(at * 7919) % count];
  measure('read a tree', count, (at) => (used += fast.tree(scattered(at))));
  measure('read a tree, all in order', 1, () => (used += fast.allTrees()), count);
  measure('one test of a tree, all in order', 1, () => (used += fast.oneOfAll()), count);
  const small = (what, call) => measure(what, 10 * count, (at) => (used += call(scattered(at))));
  small('is it there', (id) => Number(fast.exists(id)));
  small('one column', (id) => fast.column(id).length);
  small('one input', (id) => fast.input(id).length);
  small('one output', (id) => fast.output(id).length);
  small('blob of 600 bytes, as text', (id) => fast.blobText(id).length);
  small('blob of 600 bytes', (id) => fast.blob(id).length);
  measure('set an output', count, (at) => fast.setOutput(scattered(at), at));
  measure('set an output, durable', durableWrites, (at) => durable.setOutput(durable.ids[at], at));
  if (!(used > 0)) throw new Error('nothing was read');
  fast.close();
  durable.close();
  return figures;
}

const best = [new Map(), new Map()];
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const folder = path.join(place, `${round}-${which}`);
      mkdirSync(folder);
      const figures = measured((name, durable) => new [Stratum, Sqlite][which](path.join(folder, name), durable));
      for (const [what, took] of figures) best[which].set(what, Math.min(took, best[which].get(what) ?? Infinity));
      rmSync(folder, { recursive: true });
    }
  }
} finally {
  rmSync(place, { recursive: true });
}
console.log('| | Stratum | a second | better-sqlite3 | better-sqlite3 : Stratum |\n|---|---|---|---|---|');
for (const [what, ours] of best[0]) {
  const theirs = best[1].get(what);
  const shown = [`${ours.toFixed(0)} ns`, (1e9 / ours).toFixed(0), `${theirs.toFixed(0)} ns`, (theirs / ours).toFixed(2)];
  console.log(`| ${[what, ...shown].join(' | ')} |`);
}

#!/usr/bin/env node
// `judge` in JavaScript: import, show, check. ../README.md says what each does.

import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { Store, StratumError } from 'stratum-store';
import { Rules } from './compare.mjs';
import { readPackage } from './package.mjs';

const usage = 'usage: judge import STORE PACKAGE_DIR... | show STORE PACKAGE | check STORE PACKAGE OUTPUTS';

const say = (line) => process.stdout.write(`${line}\n`);
const complain = (what) => process.stderr.write(`judge: ${what}\n`);

/** The document of a package; undefined where it is not there. */
function find(view, name) {
  for (const document of view.documents()) {
    if (view.column(document, 'package') === name) return document;
  }
  return undefined;
}

/** Whether all packages were imported. */
async function importPackages(file, directories) {
  const store = await Store.open(file);
  try {
    let done = true;
    for (const directory of directories) done = (await importPackage(store, directory)) && done;
    return done;
  } finally {
    await store.close();
  }
}

async function importPackage(store, directory) {
  const name = path.basename(path.resolve(directory));
  let tree;
  try {
    tree = readPackage(directory, name);
  } catch (error) {
    complain(`${directory}: not imported: ${error.message}`);
    return false;
  }
  const old = find(store.latest, name);
  const ids = await (old === undefined ? store.putTree(tree) : store.replaceTree(old, tree));
  say(`${name}: document ${ids.document}${old === undefined ? '' : ' replaced'}, ${ids.inputCount} tests`);
  return true;
}

/** Does something with a package's tree, in a store that must be there. */
async function withTree(file, name, act) {
  const store = await Store.open(file, { create: false });
  try {
    const document = find(store.latest, name);
    if (document !== undefined) return act(name, store.latest.tree(document), document);
    complain(`${name}: no such package in ${file}`);
    return false;
  } finally {
    await store.close();
  }
}

const asBytes = (value) => (typeof value === 'string' ? Buffer.from(value) : value);
const summed = (bytes) => `${bytes.length} bytes, crc32 ${crc32(bytes).toString(16).padStart(8, '0')}`;
const described = (value) => `${typeof value === 'string' ? 'String' : 'Bytes'} ${summed(asBytes(value))}`;

function show(name, tree, document) {
  const { columns } = tree;
  say(`${name}: document ${document}`);
  say(`  title      ${columns.get('title')}`);
  if (columns.has('keywords')) say(`  keywords   ${columns.get('keywords').join(', ')}`);
  if (columns.has('flags')) say(`  flags      ${columns.get('flags').join(' ')}`);
  say(`  samples    ${columns.get('samples')}`);
  say(`  statement  ${summed(tree.blob)}`);
  for (const { columns, value, output } of tree.inputs) {
    say(`  ${columns.get('test')}: in ${described(value)}; ${output === undefined ? 'no output' : `out ${described(output)}`}`);
  }
  return true;
}

const isFile = (file) => existsSync(file) && statSync(file).isFile();

/** Whether every output agrees. */
function check(name, tree, outputs) {
  const rules = new Rules(tree.columns.get('flags') ?? []);
  let [right, all] = [0, 0];
  for (const { columns, output } of tree.inputs) {
    if (output === undefined) continue;
    const test = columns.get('test');
    const file = ['.out', '.ans'].map((extension) => path.join(outputs, test + extension)).find(isFile);
    const why = file === undefined ? 'no output' : rules.difference(asBytes(output), readFileSync(file));
    say(why === undefined ? `ok     ${test}` : `WRONG  ${test}: ${why}`);
    all += 1;
    if (why === undefined) right += 1;
  }
  say(`${name}: ${right} of ${all} tests ok`);
  return right === all;
}

function run([command, store, ...rest]) {
  if (command === 'import' && rest.length > 0) return importPackages(store, rest);
  if (command === 'show' && rest.length === 1) return withTree(store, rest[0], show);
  if (command === 'check' && rest.length === 2) return withTree(store, rest[0], (name, tree) => check(name, tree, rest[1]));
  throw new Error(usage);
}

try {
  process.exitCode = (await run(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  complain(error instanceof StratumError ? `${error.code}: ${error.message}` : error.message);
  process.exitCode = 2;
}

// A problem package, read from its directory.

import { isUtf8 } from 'node:buffer';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { StringList } from 'stratum-store';
import { isMap, parseDocument } from 'yaml';

const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const isDirectory = (place) => existsSync(place) && statSync(place).isDirectory();

/** The package as a tree. */
export function readPackage(directory, name) {
  // In the failsafe schema every scalar is the text that stands there.
  const document = parseDocument(readFileSync(path.join(directory, 'problem.yaml'), 'utf8'), { schema: 'failsafe' });
  if (document.errors.length > 0) throw new Error(`problem.yaml: ${document.errors[0].message}`);
  if (!isMap(document.contents)) throw new Error('problem.yaml is not a map');
  const about = document.toJS({ mapAsMap: true });
  const data = path.join(directory, 'data');
  const [samples, secret] = [tests(data, 'sample'), tests(data, 'secret')];

  const columns = { package: name, title: title(about.get('name'), name) };
  const [keywords, flags] = [words(about.get('keywords')), words(about.get('validator_flags'))];
  if (keywords.length > 0) columns.keywords = StringList.from(keywords);
  if (flags.length > 0) columns.flags = StringList.from(flags);
  columns.samples = BigInt(samples.length);
  return { blob: statement(directory), columns, inputs: [...samples, ...secret].map((test) => readInput(data, test)) };
}

/** A text, or one of several languages. */
function title(name, otherwise) {
  const chosen = name instanceof Map ? (name.get('en') ?? name.values().next().value) : name;
  return typeof chosen === 'string' ? chosen : otherwise;
}

/** A list of texts, or a text that is split. */
function words(given) {
  if (Array.isArray(given)) return given.filter((item) => typeof item === 'string');
  return typeof given === 'string' ? given.split(/\s+/).filter(Boolean) : [];
}

function statement(directory) {
  const place = ['statement', 'problem_statement'].map((name) => path.join(directory, name)).find(isDirectory);
  if (place === undefined) return '';
  const [first] = readdirSync(place).filter((name) => name.startsWith('problem.')).sort(byBytes);
  return first === undefined ? '' : readFileSync(path.join(place, first));
}

/** The tests of a folder by their paths below `data`, without `.in`, in the order of the bytes of the files' paths. */
function tests(data, folder) {
  const found = [];
  const visit = (place) => {
    for (const name of readdirSync(path.join(data, place))) {
      if (name.startsWith('.')) continue;
      const file = path.posix.join(place, name);
      if (isDirectory(path.join(data, file))) visit(file);
      else if (name.endsWith('.in')) found.push(file);
    }
  };
  if (isDirectory(path.join(data, folder))) visit(folder);
  return found.sort(byBytes).map((file) => file.slice(0, -'.in'.length));
}

function readInput(data, test) {
  const answer = path.join(data, `${test}.ans`);
  const output = existsSync(answer) ? content(answer) : undefined;
  return { value: content(path.join(data, `${test}.in`)), columns: { test }, output };
}

/** Text where the file is UTF-8, otherwise bytes. */
function content(file) {
  const bytes = readFileSync(file);
  return isUtf8(bytes) ? bytes.toString() : bytes;
}

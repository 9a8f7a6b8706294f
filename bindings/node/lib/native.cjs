'use strict';
// The addon, with what it needs of JavaScript: the class of errors, and the classes of values.
//
// 1. There is one place where an addon is looked for: build.mjs puts it there, and the package has it there.

const path = require('node:path');
const { StratumError } = require('./errors.cjs');
const { fromContent } = require('./value.cjs');

const file = path.join(__dirname, '..', 'prebuilds', `${process.platform}-${process.arch}`, 'stratum.node');

function load() {
  try {
    return require(file);
  } catch (cause) {
    throw new Error(`Stratum's addon is not built for this machine (${file}): run  npm rebuild stratum-store`, { cause });
  }
}

const native = load();
native.setup((code, message, errno) => new StratumError(code, message, errno), fromContent);

module.exports = native;

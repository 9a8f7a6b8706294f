'use strict';
// What the package offers; index.d.ts tells about each.

const native = require('./lib/native.cjs');
const { StratumError } = require('./lib/errors.cjs');
const { Decimal, NaNBits, StringList, StringMap } = require('./lib/value.cjs');
const { Tree } = require('./lib/decode.cjs');
const { Store, repair, repairSync } = require('./lib/store.cjs');

exports.Store = Store;
exports.StratumError = StratumError;
exports.Decimal = Decimal;
exports.NaNBits = NaNBits;
exports.StringList = StringList;
exports.StringMap = StringMap;
exports.Tree = Tree;
exports.repair = repair;
exports.repairSync = repairSync;
exports.version = native.version();

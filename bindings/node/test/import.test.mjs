// The package as an ES module offers what it offers as CommonJS.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as imported from '../index.mjs';

test('the same names, the same classes', () => {
  const required = createRequire(import.meta.url)('../index.cjs');
  for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name);
  assert.ok('Store' in imported);
});

// What npm runs after the package was put in its place: builds the addon where the one inside does not load.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
try {
  require('./lib/native.cjs');
} catch (error) {
  console.error(`${error.message}\nbuilding the addon: ${error.cause?.message ?? ''}`);
  await import('./build.mjs');
}

// Builds the addon into prebuilds/, with the library inside: `node build.mjs [--debug]`.
//
//     CXX, CXXFLAGS    another compiler than g++; further flags for it
//     PREBUILDS        a folder in place of prebuilds/
//
// 1. Nothing is downloaded: headers come from the npm package node-api-headers, the library from the checkout that this
//    folder is part of, or, outside of one, from what pkg-config calls stratum.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const debug = process.argv.includes('--debug');

/** Runs a program and gives what it prints, as words. */
function run(program, args, options = {}) {
  const printed = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });
  return printed.split(/\s+/).filter(Boolean);
}

/** Flags for the compiler and the linker. */
function library() {
  if (existsSync(path.join(root, 'src/capi'))) {
    run('cargo', ['build', '-q', '--lib', ...(debug ? [] : ['--release'])], { cwd: root });
    const target = path.resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
    const archive = path.join(target, debug ? 'debug' : 'release', 'libstratum.a');
    return { include: ['-I', path.join(root, 'include')], link: [archive, ...run(path.join(root, 'packaging/native-libs.sh'), [])] };
  }
  try {
    const directory = run('pkg-config', ['--variable=libdir', 'stratum'])[0];
    const link = run('pkg-config', ['--libs', '--static', 'stratum']).map((word) =>
      word === '-lstratum' ? path.join(directory, 'libstratum.a') : word,
    );
    return { include: run('pkg-config', ['--cflags', 'stratum']), link };
  } catch (cause) {
    throw new Error('no Stratum library: run `make install` in a checkout, so that `pkg-config --static stratum` finds it', {
      cause,
    });
  }
}

const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
const sources = path.join(here, 'src');
const flags = (process.env.CXXFLAGS ?? '').split(/\s+/).filter(Boolean);
const out = path.join(process.env.PREBUILDS ?? path.join(here, 'prebuilds'), `${process.platform}-${process.arch}`);
const { include, link } = library();
mkdirSync(out, { recursive: true });
run(process.env.CXX ?? 'g++', [
  ...['-std=c++17', '-O2', '-fPIC', '-shared', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror', '-DNAPI_VERSION=8'],
  ...flags,
  ...['-isystem', headers],
  ...include,
  ...readdirSync(sources).filter((name) => name.endsWith('.cc')).map((name) => path.join(sources, name)),
  ...['-o', path.join(out, 'stratum.node')],
  ...link,
  // Threads of the library may outlive a worker that loaded it.
  ...[`-Wl,--version-script=${path.join(sources, 'exports.map')}`, '-Wl,-z,nodelete', '-Wl,--gc-sections'],
  // Whoever gives flags wants to see where things are.
  ...(flags.length === 0 ? ['-s'] : []),
]);

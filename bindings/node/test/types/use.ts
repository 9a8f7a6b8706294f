// What a program in TypeScript may write, and, marked, what it may not: tsc fails where a mark is not needed.
import { Decimal, Store, StratumError, StringList, repair, type Tree, type TreeIds, type Value } from 'stratum-store';

async function use(): Promise<void> {
  using store = await Store.open('x', { create: true, durability: 'os', segmentSize: 1n, compression: 'zstd', compactionBytesPerSecond: 1e6 });
  const document: bigint = await store.createDocument('blob', { a: 1, b: [1n, null, { c: 'd' }] });
  const input: bigint = store.appendInputSync(document, new Float64Array(3));
  const ids: TreeIds = await store.putTree({ inputs: [{ value: 1, output: new Decimal('1e400') }], columns: new Map([['n', 2]]) });
  const value: Value | undefined = store.latest.column(document, 'a');
  const nothing: void = await store.setOutput(document, input, StringList.of('a'));
  for (const [id, tree] of store.latest.allTrees()) {
    const same: bigint = id;
    const read: Tree = tree;
    for (const row of read.inputs) console.log(same, row.value, row.output, [...row.columns]);
    store.putTreeSync(read);
  }
  using snapshot = store.snapshot();
  const count: bigint | undefined = snapshot.inputCount(ids.document);
  const made: number = await store.write((batch) => batch.size.operations > 0n ? 1 : 2, { durability: 'always' });
  await store.compact({ signal: AbortSignal.timeout(1), onProgress: ({ bytesRead }) => bytesRead < 5n });
  console.log(value, nothing, count, made, await repair('a', undefined, { dryRun: true }));
  try {
    store.flushSync();
  } catch (error) {
    if (error instanceof StratumError && error.code === 'STRATUM_CLOSED') return;
  }
  // @ts-expect-error no such durability
  await store.write(() => 1, { durability: 'never' });
  // @ts-expect-error no such codec
  await Store.open('x', { compression: 'gzip' });
  // @ts-expect-error undefined is no value
  store.setColumnSync(document, 'a', undefined);
  // @ts-expect-error stores are opened, not made
  new Store();
  // @ts-expect-error the newest view is not freed
  store.latest.free();
  // @ts-expect-error no such code
  new StratumError('STRATUM_NO');
}

void use;

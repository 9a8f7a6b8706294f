// What compare.mjs measures of Stratum.

import { Store } from 'stratum-store';

const size = (value) => (typeof value === 'string' ? value.length : value);

function sizeOf(tree) {
  const { columns } = tree;
  let sum = tree.blobText.length + size(columns.get('name')) + columns.get('limit');
  for (const { value, output } of tree.inputs) sum += size(value) + size(output);
  return sum;
}

export class Stratum {
  constructor(place, durable) {
    this.store = Store.openSync(place, { durability: durable ? 'always' : 'os' });
    this.view = this.store.latest;
    this.ids = [];
  }

  write(trees) {
    this.store.writeSync((batch) => {
      for (const tree of trees) this.ids.push(batch.putTree(tree).document);
    });
  }

  tree(id) {
    return sizeOf(this.view.tree(id));
  }

  allTrees() {
    let sum = 0;
    for (const [, tree] of this.view.allTrees()) sum += sizeOf(tree);
    return sum;
  }

  oneOfAll() {
    let sum = 0;
    for (const id of this.view.documents()) sum += this.column(id).length + this.output(id).length;
    return sum;
  }

  exists(id) {
    return this.view.exists(id);
  }

  column(id) {
    return this.view.column(id, 'name');
  }

  input(id) {
    return this.view.input(id, 11n);
  }

  output(id) {
    return this.view.output(id, 11n);
  }

  blobText(id) {
    return this.view.blobText(id);
  }

  blob(id) {
    return this.view.blob(id);
  }

  setOutput(id, value) {
    this.store.setOutputSync(id, 11n, value);
  }

  close() {
    this.store.closeSync();
  }
}

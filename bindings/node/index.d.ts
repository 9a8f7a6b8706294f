// What the package offers. README.md has the table of values; stratum.h tells what each call does to the store.

/** A document's id: handed out by the store in rising order, never used again. */
export type DocumentId = bigint;
/** An input's id, within its document. */
export type InputId = bigint;
/** Ids on the way in: a number will do where it is a safe integer. */
export type Id = bigint | number;

/** A number as text in JSON's grammar, for what fits neither a number nor a bigint of 64 bits. */
export class Decimal {
  /** Throws STRATUM_INVALID_ARGUMENT where the text is no number in JSON's grammar. */
  constructor(text: string | number | bigint);
  readonly text: string;
  valueOf(): number;
  toString(): string;
  toJSON(): string;
}

/** A NaN with other bits than JavaScript's own 0x7ff8000000000000. */
export class NaNBits {
  constructor(bits: bigint);
  readonly bits: bigint;
  valueOf(): number;
}

/** A packed list of strings; a plain array is a list of values of any kind. */
export interface StringList extends Array<string> {}
export const StringList: {
  new (...strings: string[]): StringList;
  from(strings: Iterable<string> | ArrayLike<string>): StringList;
  from<T>(items: Iterable<T> | ArrayLike<T>, map: (item: T, at: number) => string): StringList;
  of(...strings: string[]): StringList;
  readonly prototype: StringList;
};

/** A packed map of strings to strings, in its order. */
export class StringMap extends Map<string, string> {}

/** A value as it is read. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Decimal
  | NaNBits
  | Uint8Array
  | BigInt64Array
  | Float64Array
  | StringList
  | StringMap
  | Value[]
  | Map<string, Value>;

/** A value as it is written: a plain object will do for a Map. */
export type ValueInput =
  | null
  | boolean
  | bigint
  | number
  | string
  | Decimal
  | NaNBits
  | Uint8Array
  | BigInt64Array
  | Float64Array
  | StringList
  | StringMap
  | readonly ValueInput[]
  | ReadonlyMap<string, ValueInput>
  | { readonly [key: string]: ValueInput };

/** Columns as they are written. */
export type ColumnsInput = { readonly [name: string]: ValueInput } | Iterable<readonly [string, ValueInput]>;

/** Columns as they are read, sorted by the bytes of their names. */
export interface Columns extends Iterable<[string, Value]> {
  readonly size: number;
  get(name: string): Value | undefined;
  has(name: string): boolean;
  keys(): IterableIterator<string>;
  values(): IterableIterator<Value>;
  entries(): IterableIterator<[string, Value]>;
  forEach(visit: (value: Value, name: string, columns: this) => void, self?: unknown): void;
}

/** An input with what hangs on it. */
export interface Input {
  readonly id: InputId;
  readonly value: Value;
  /** undefined where it has none. */
  readonly output: Value | undefined;
  readonly columns: Columns;
}

/** An input of a tree that is written. */
export interface InputDescription {
  readonly value: ValueInput;
  readonly output?: ValueInput | undefined;
  readonly columns?: ColumnsInput | undefined;
}

/** A tree that is written: this, or a Tree that was read. */
export interface TreeDescription {
  readonly blob?: string | Uint8Array | undefined;
  readonly columns?: ColumnsInput | undefined;
  readonly inputs?: Iterable<InputDescription> | undefined;
}

/** A whole tree that was read, decoded as it is asked for; bytes and packed numbers are views on its memory. */
export class Tree {
  /** Reads a packed tree (docs/format.md) that the library gave. */
  constructor(packed: Uint8Array);
  readonly packed: Uint8Array;
  readonly blob: Uint8Array;
  readonly blobText: string;
  readonly columns: Columns;
  readonly inputCount: number;
  readonly outputCount: number;
  /** The input at a position, from 0; undefined behind the last. */
  input(position: number): Input | undefined;
  readonly inputs: Iterable<Input>;
}

/** The inputs of a tree are firstInput, firstInput + 1n...; firstInput is 0n where there are none. */
export interface TreeIds {
  readonly document: DocumentId;
  readonly firstInput: InputId;
  readonly inputCount: number;
}

export type StatusCode =
  | 'STRATUM_NOT_FOUND'
  | 'STRATUM_INVALID_ARGUMENT'
  | 'STRATUM_INVALID_HANDLE'
  | 'STRATUM_CLOSED'
  | 'STRATUM_BUSY'
  | 'STRATUM_BUFFER_TOO_SMALL'
  | 'STRATUM_TOO_LARGE'
  | 'STRATUM_TOO_MANY_HANDLES'
  | 'STRATUM_NO_MEMORY'
  | 'STRATUM_CORRUPTION'
  | 'STRATUM_IO'
  | 'STRATUM_NO_SPACE'
  | 'STRATUM_LOCKED'
  | 'STRATUM_NOT_A_STORE'
  | 'STRATUM_NEWER_FORMAT'
  | 'STRATUM_OPEN_REFUSED'
  | 'STRATUM_COMMIT_UNKNOWN'
  | 'STRATUM_POISONED'
  | 'STRATUM_SNAPSHOT_TOO_OLD'
  | 'STRATUM_FORKED'
  | 'STRATUM_PANIC';

/** What a failing call throws, or rejects with. */
export class StratumError extends Error {
  constructor(code: StatusCode, message?: string, errno?: number);
  readonly code: StatusCode;
  /** The system's error number, 0 for none. */
  readonly errno: number;
  /** With STRATUM_BUFFER_TOO_SMALL: how many bytes it takes. */
  readonly needed?: number;
  /** Of packed operations: how many rows went well before the one that did not. */
  readonly applied?: number;
}

export type Durability = 'always' | 'interval' | 'os';

/** What is missing has the default of stratum.h. */
export interface OpenOptions {
  create?: boolean | undefined;
  exclusive?: boolean | undefined;
  durability?: Durability | undefined;
  syncIntervalMs?: Id | undefined;
  readMode?: 'mmap' | 'pread' | undefined;
  verifyReads?: boolean | undefined;
  segmentSize?: Id | undefined;
  maxRecordBytes?: Id | undefined;
  maxBatchBytes?: Id | undefined;
  background?: boolean | undefined;
  maxAmplification?: number | undefined;
  checkpointBytes?: Id | undefined;
  foldAfter?: Id | undefined;
  /** How compaction compresses trees. */
  compression?: 'none' | 'lz4' | 'zstd' | undefined;
  /** Bytes that compaction may write in a second; 0 for no limit. */
  compactionBytesPerSecond?: Id | undefined;
  maxRetainedBytes?: Id | undefined;
}

export interface CommitOptions {
  durability?: Durability | undefined;
}

export interface Stats {
  documents: bigint;
  nodes: bigint;
  liveBytes: bigint;
  totalBytes: bigint;
  garbageBytes: bigint;
  amplification: number;
  segments: bigint;
  activeSegmentBytes: bigint;
  retainedBytes: bigint;
  snapshots: bigint;
  compactions: bigint;
  compactionBytesRead: bigint;
  compactionBytesWritten: bigint;
  compactionThrottledUs: bigint;
  folds: bigint;
  commits: bigint;
  durableCommits: bigint;
  syncs: bigint;
  largestGroup: bigint;
  pacedCommits: bigint;
  mappedBytes: bigint;
  indexBytes: bigint;
  reservedBytes: bigint;
  sequence: bigint;
  durableSequence: bigint;
  checkpoints: bigint;
  checkpointSequence: bigint;
  recoveryDiscardedBytes: bigint;
  recoveryReplayedBytes: bigint;
  backgroundFailures: bigint;
  openedFromCheckpoint: boolean;
  poisoned: boolean;
}

export interface Findings {
  segments: bigint;
  records: bigint;
  bytes: bigint;
  documents: bigint;
  inputs: bigint;
  outputs: bigint;
  /** Where the store is damaged; empty where all is well. */
  damage: { file: string; offset: bigint; document: DocumentId; what: string }[];
}

export interface CompactionProgress {
  segmentsDone: bigint;
  segmentsTotal: bigint;
  bytesRead: bigint;
  bytesWritten: bigint;
  bytesReclaimed: bigint;
}

/** How long work is watched. What `onProgress` throws comes out of the call; where it gives false the work stops. */
export interface Watch<Progress> {
  onProgress?: ((progress: Progress) => unknown) | undefined;
}

export interface Abortable {
  /** Ends the work; the promise rejects with the signal's reason. What is done stays done. */
  signal?: AbortSignal | undefined;
}

export interface RepairProgress {
  bytesDone: bigint;
  bytesTotal: bigint;
  documentsDone: bigint;
  documentsTotal: bigint;
}

export interface RepairOptions extends Watch<RepairProgress> {
  segmentSize?: Id | undefined;
  mergeLimit?: Id | undefined;
  /** Only report: nothing is written, and no target is needed. */
  dryRun?: boolean | undefined;
}

export interface RepairReport {
  outcome: 'dryRun' | 'written' | 'stopped';
  isLossless: boolean;
  isUncertain: boolean;
  segments: bigint;
  bytes: bigint;
  records: bigint;
  bytesLost: bigint;
  documentsWhole: bigint;
  documentsInPart: bigint;
  documentsOlder: bigint;
  documentsLost: bigint;
  documentsDeleted: bigint;
  inputs: bigint;
  outputs: bigint;
  nextDocument: DocumentId;
  findings: {
    /** STRATUM_FINDING_* of stratum.h. */
    kind: number;
    isLoss: boolean;
    file: string;
    offset: bigint;
    length: bigint;
    document: DocumentId;
    input: InputId;
    sequence: bigint;
    line: string;
  }[];
}

/** Ids of documents, ascending. `next` asks the store each time, `for...of` for many at once. */
export class DocumentCursor implements Iterable<DocumentId> {
  private constructor();
  next(): IteratorResult<DocumentId, undefined>;
  /** The next ids, as many as there are and the array holds; gives how many, 0 at the end. */
  fill(ids: BigUint64Array): number;
  seek(from: Id): this;
  free(): void;
  [Symbol.iterator](): Iterator<DocumentId>;
  [Symbol.dispose](): void;
}

/** The inputs of a document in their order. */
export class InputCursor implements Iterable<Input> {
  private constructor();
  next(): IteratorResult<Input, undefined>;
  /** The next inputs as packed rows (stratum.h); gives how many bytes, 0 at the end. */
  fill(buffer: Uint8Array): number;
  free(): void;
  [Symbol.iterator](): Iterator<Input>;
  [Symbol.dispose](): void;
}

/** Bytes of the store that are not copied before they are asked for; valid until freed, also after a close. */
export class Pinned {
  private constructor();
  readonly length: number;
  /** Whether the bytes are the store's own, not a copy. */
  readonly isBorrowed: boolean;
  /** Copies bytes from `from` on into the target; gives how many. */
  copy(target: Uint8Array, from?: number): number;
  slice(from?: number, to?: number): Uint8Array;
  free(): void;
  [Symbol.dispose](): void;
}

/** Reads of the newest commit, or of one moment. undefined: the document, input, output or column is not there. */
export class View {
  protected constructor();
  readonly sequence: bigint;
  readonly documentCount: bigint;
  exists(document: Id): boolean;
  blob(document: Id): Uint8Array | undefined;
  blobText(document: Id): string | undefined;
  /** Copies the blob into the buffer; gives its length. Throws STRATUM_BUFFER_TOO_SMALL with `needed`. */
  readBlob(document: Id, buffer: Uint8Array): number | undefined;
  pinBlob(document: Id): Pinned | undefined;
  columns(document: Id): Columns | undefined;
  column(document: Id, name: string): Value | undefined;
  inputCount(document: Id): bigint | undefined;
  inputIds(document: Id): BigUint64Array | undefined;
  inputs(document: Id): Input[] | undefined;
  input(document: Id, input: Id): Value | undefined;
  inputColumns(document: Id, input: Id): Columns | undefined;
  output(document: Id, input: Id): Value | undefined;
  tree(document: Id): Tree | undefined;
  packedTree(document: Id): Uint8Array | undefined;
  pinPackedTree(document: Id): Pinned | undefined;
  packedTrees(documents: Iterable<Id>): Uint8Array;
  /** Many trees in one read, in the order asked. */
  trees(documents: Iterable<Id>): (Tree | undefined)[];
  /** Every document from `from` on, many in one read. */
  allTrees(from?: Id): IterableIterator<[DocumentId, Tree]>;
  documents(from?: Id): DocumentCursor;
  inputCursor(document: Id): InputCursor | undefined;
}

export class Snapshot extends View {
  private constructor();
  free(): void;
  [Symbol.dispose](): void;
}

/** Any number of writes that become visible and durable together. Ids are final at once. */
export class Batch {
  private constructor();
  createDocument(blob?: string | Uint8Array, columns?: ColumnsInput): DocumentId;
  putTree(tree: TreeDescription | Tree): TreeIds;
  replaceTree(document: Id, tree: TreeDescription | Tree): TreeIds;
  putPacked(packed: Uint8Array): TreeIds;
  replacePacked(document: Id, packed: Uint8Array): TreeIds;
  setBlob(document: Id, blob: string | Uint8Array): void;
  setColumn(document: Id, name: string, value: ValueInput): void;
  removeColumn(document: Id, name: string): void;
  deleteDocument(document: Id): void;
  appendInput(document: Id, value: ValueInput): InputId;
  insertInput(document: Id, before: Id, value: ValueInput): InputId;
  /** To the end where `before` is 0 or missing. */
  moveInput(document: Id, input: Id, before?: Id): void;
  replaceInput(document: Id, input: Id, value: ValueInput): void;
  setInputColumn(document: Id, input: Id, name: string, value: ValueInput): void;
  removeInputColumn(document: Id, input: Id, name: string): void;
  deleteInput(document: Id, input: Id): void;
  setOutput(document: Id, input: Id, value: ValueInput): void;
  updateOutput(document: Id, input: Id, value: ValueInput): void;
  deleteOutput(document: Id, input: Id): void;
  /** Rows of stratum_batch_apply_packed; gives what each makes, or 0n. */
  applyPacked(operations: Uint8Array): BigUint64Array;
  /** Gives the commit's sequence number. */
  commit(options?: CommitOptions): Promise<bigint>;
  commitSync(options?: CommitOptions): bigint;
  clear(): void;
  readonly size: { operations: bigint; bytes: bigint };
  free(): void;
  [Symbol.dispose](): void;
}

/** The names of the writes, which a store has as promises and with Sync behind the name. */
type Writes = Omit<Batch, 'commit' | 'commitSync' | 'clear' | 'size' | 'free' | typeof Symbol.dispose>;
type AsPromises = {
  [Name in keyof Writes]: (...given: Parameters<Writes[Name]>) => Promise<ReturnType<Writes[Name]>>;
};
type AtOnce = { [Name in keyof Writes as `${Name & string}Sync`]: Writes[Name] };

/** An open store. */
export interface Store extends AsPromises, AtOnce {}
export class Store {
  private constructor();
  static open(path: string | Uint8Array | URL, options?: OpenOptions): Promise<Store>;
  static openSync(path: string | Uint8Array | URL, options?: OpenOptions): Store;
  /** A store that another thread has open and gave out with share(). Closing it here leaves it open there. */
  static attach(token: bigint): Store;
  share(): bigint;
  /** Closing once more is no error. */
  close(): Promise<void>;
  closeSync(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
  readonly latest: View;
  snapshot(): Snapshot;
  batch(): Batch;
  /** Commits what `work` writes, or writes nothing where it throws. */
  write<T>(work: (batch: Batch) => T | Promise<T>, options?: CommitOptions): Promise<T>;
  writeSync<T>(work: (batch: Batch) => T, options?: CommitOptions): T;
  flush(): Promise<void>;
  flushSync(): void;
  checkpoint(): Promise<void>;
  checkpointSync(): void;
  compact(options?: Watch<CompactionProgress> & Abortable): Promise<void>;
  compactSync(options?: Watch<CompactionProgress>): void;
  verify(): Promise<Findings>;
  verifySync(): Findings;
  stats(): Stats;
}

/** Saves what still checks out of a damaged store into a new one (docs/salvage.md). */
export function repair(
  source: string | Uint8Array | URL,
  target: string | Uint8Array | URL | undefined,
  options?: RepairOptions & Abortable,
): Promise<RepairReport>;
export function repairSync(
  source: string | Uint8Array | URL,
  target: string | Uint8Array | URL | undefined,
  options?: RepairOptions,
): RepairReport;

/** The library's version. */
export const version: string;

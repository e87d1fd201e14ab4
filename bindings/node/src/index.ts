/**
 * The backup engine that apps embed. A folder, a database dump or any stream goes in; encrypted, deduplicated, compressed
 * objects come out on storage that nobody has to trust; the same bytes come back.
 */
export { Backend, type ObjectInfo, type StorageBackend } from './backend.js';
export * from './enums.js';
export { StrongroomError, type StrongroomErrorOptions } from './errors.js';
export { SnapshotFile, type ReadStreamOptions } from './file.js';
export { Listing, SnapshotListing } from './listing.js';
export { displayPath, pathFromBytes, pathToBytes } from './paths.js';
export {
  Repository,
  type BackupOptions,
  type CopyOptions,
  type CreateOptions,
  type ExportOptions,
  type ForgetOptions,
  type LogFunction,
  type OpenOptions,
  type RestoreOptions,
  type SnapshotRef,
} from './repository.js';
export type { CallOptions, OperationOptions } from './run.js';
export { DeviceKey, Secret, generateRecoveryCode, readDeviceRequest } from './secret.js';
export { Source, type ByteStream, type Content, type FilesOptions, type KnownAs, type SourceEntry } from './source.js';
export { version } from './native.js';
export type * from './records.js';

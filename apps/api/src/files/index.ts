export type { Confinement } from "./directory.ts";
export { FileError, type FileErrorCode, failedWith } from "./errors.ts";
export { DEFAULT_LIMITS, type FileSet, type Limits } from "./set.ts";
export {
  type Condition,
  type FileVersion,
  type ListedFile,
  WorkspaceFiles,
  type WorkspaceFilesOptions,
  type WrittenFile,
} from "./store.ts";
export { Templates, type TemplatesOptions } from "./templates.ts";
export type { OpenFile } from "./trees.ts";

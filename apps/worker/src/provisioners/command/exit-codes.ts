/**
 * What a command's exit code says of trying again: the codes of sysexits.h, and the shell's. All others, 75
 * (EX_TEMPFAIL) among them, may pass by themselves.
 */
const PERMANENT: ReadonlySet<number> = new Set([
  64, // EX_USAGE: called in a wrong way
  65, // EX_DATAERR: what it was given is wrong
  66, // EX_NOINPUT: a file it needs is not there
  67, // EX_NOUSER
  68, // EX_NOHOST
  77, // EX_NOPERM: it may not
  78, // EX_CONFIG: something is configured in a wrong way
  126, // the shell's: found, but not executable
  127, // the shell's: not found
]);

/** Tells whether trying again without anybody changing anything is pointless. */
export function isPermanent(exitCode: number): boolean {
  return PERMANENT.has(exitCode);
}

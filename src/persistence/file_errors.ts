/**
 * What the file system says, in the words of this package.
 *
 * @module
 */

const PERMISSION = "the process must be allowed to read and write the file and its folder";

/** The common codes of a system, and what to do about them. */
const RULES: Record<string, string> = {
  ENOENT: "its folder must exist, create it first",
  EISDIR: "path must be that of a file, not of a folder",
  ENOTDIR: "what comes before the name must be a folder",
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: "the file system must not be read-only",
  ENOSPC: "the disk must have room",
  ETIMEDOUT: "the disk must answer, see whether it works and try again",
};

/**
 * Returns an error of the file system as one that says what can't be done, and
 * what to do about it: with the code of the system, and the error as its cause.
 * Any other error is returned as it is.
 *
 * @param rules What else to say of a code.
 */
export function explained(
  cannot: string,
  path: string,
  error: unknown,
  rules: Record<string, string> = {},
): unknown {
  const { code, errno, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (!/^E(?!RR_)[A-Z0-9]+$/.test(String(code))) return error;
  const rule = rules[code!] ?? RULES[code!] ?? "the file system must not fail";
  const message = `Cannot ${cannot}: ${rule}: received ${code} for ${JSON.stringify(path)}`;
  return Object.assign(new Error(message, { cause: error }), { code, errno, syscall, path });
}

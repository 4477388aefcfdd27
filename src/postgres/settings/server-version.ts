/**
 * The content of `PG_VERSION` or a release name as PostgreSQL's major number: `9.6` is 90600, `15` 150000 (postgres.md §1.3).
 * @returns 0 when the text is not such a version.
 */
export function parseMajorVersion(text: string): number {
  const match = /^(\d+)(?:\.(\d+))?/.exec(text.trim());
  if (match?.[1] === undefined) return 0;
  const first = Number(match[1]);
  return first >= 10 ? first * 10_000 : first * 10_000 + Number(match[2] ?? 0) * 100;
}

/** The full number of `postgres --version`, e.g. 150004; a beta counts as `.0`. undefined when the line has no version. */
export function parseServerVersion(output: string): number | undefined {
  const match = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(output.trim().split(/\s+/)[2] ?? '');
  if (match?.[1] === undefined) return undefined;
  const first = Number(match[1]);
  const second = Number(match[2] ?? 0);
  return first >= 10 ? first * 10_000 + second : first * 10_000 + second * 100 + Number(match[3] ?? 0);
}

/** The version that values are checked against: the binary's, unless it is of another major than the data directory. */
export function versionForValidation(binaryVersion: number | undefined, majorVersion: number): number {
  if (binaryVersion === undefined) return majorVersion;
  const binaryMajor = binaryVersion >= 100_000 ? Math.floor(binaryVersion / 10_000) * 10_000 : Math.floor(binaryVersion / 100) * 100;
  return majorVersion !== 0 && binaryMajor !== majorVersion ? majorVersion : binaryVersion;
}

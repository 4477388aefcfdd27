import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lsn, lsnFromBytes } from '../../base/lsn.js';
import { quoteLiteral, type Session } from '../query/session.js';

/** A slot further behind than that would fill this disk: it is left out, and the log says so. */
const MOST_SEGMENTS = 64;
/** Of one answer; as text it takes twice as much. */
const CHUNK_BYTES = 1_048_576;
const SEGMENT = /^[0-9A-F]{24}$/;
const PENDING = 'patroni-slot-';

/** Where the server itself has it in the file `state`, in every version from 11 on (ReplicationSlotOnDisk). */
const RESTART_LSN_AT = 96;

/** From here on a logical slot needs WAL; undefined when the file is too short to be one. */
export function restartLsnOf(state: Uint8Array): Lsn | undefined {
  if (state.byteLength < RESTART_LSN_AT + 8) return undefined;
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  // As the machine that wrote it: base backups and copies are between machines of one kind anyhow.
  return lsnFromBytes(view.getBigUint64(RESTART_LSN_AT, true));
}

function segmentNumber(file: string, segmentBytes: bigint): bigint {
  return BigInt(`0x${file.slice(8, 16)}`) * (0x1_0000_0000n / segmentBytes) + BigInt(`0x${file.slice(16)}`);
}

/**
 * Names of WAL files of the leader that a slot needs and this standby never had: a base backup begins later than an old slot.
 * @returns undefined when they are too many.
 */
export function missingSegments(
  lsn: Lsn,
  own: readonly string[],
  theirs: readonly string[],
  segmentBytes: bigint,
): readonly string[] | undefined {
  const first = lsn / segmentBytes;
  const numbers = own.filter((file) => SEGMENT.test(file)).map((file) => segmentNumber(file, segmentBytes));
  if (numbers.length === 0) return undefined;
  const oldest = numbers.reduce((least, number) => (number < least ? number : least));
  const missing = theirs.filter((file) => {
    if (!SEGMENT.test(file)) return false;
    const number = segmentNumber(file, segmentBytes);
    return number >= first && number < oldest;
  });
  // One or two timelines per number; without the first one the slot is of no use.
  const isComplete = oldest <= first || missing.some((file) => segmentNumber(file, segmentBytes) === first);
  return missing.length > MOST_SEGMENTS || !isComplete ? undefined : missing;
}

/** Fetches what `slot` needs in files that the server does not look at. @returns their WAL names; undefined: it can't be had. */
export async function fetchWal(session: Session, lsn: Lsn, walFolder: string): Promise<readonly string[] | undefined> {
  const size = (await session.query("SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) AS size"))[0]?.[
    'size'
  ];
  const rows = await session.query("SELECT pg_catalog.pg_ls_dir('pg_wal', false, false) AS file");
  const theirs = rows.map((row) => row['file'] ?? '');
  const bytes = BigInt(size ?? '16777216');
  const missing = missingSegments(lsn, await readdir(walFolder), theirs, bytes);
  for (const file of missing ?? []) await fetchSegment(session, file, Number(bytes), walFolder);
  return missing;
}

async function fetchSegment(session: Session, name: string, bytes: number, walFolder: string): Promise<void> {
  const file = await open(join(walFolder, `${PENDING}${name}`), 'w', 0o600);
  try {
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const part = `pg_catalog.pg_read_binary_file(${quoteLiteral(`pg_wal/${name}`)}, ${at}, ${Math.min(CHUNK_BYTES, bytes - at)}, false)`;
      const row = (await session.query(`SELECT pg_catalog.encode(${part}, 'hex') AS part`))[0];
      await file.writeFile(Buffer.from(row?.['part'] ?? '', 'hex'));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Gives fetched files their names; the server is stopped. They count as archived, as streamed ones do: the leader has seen to
 * that, and an archive that refuses to be overwritten would stop a later primary's archiver for good.
 */
export async function placeWal(walFolder: string, segments: readonly string[]): Promise<void> {
  for (const name of segments) {
    await (await open(join(walFolder, 'archive_status', `${name}.done`), 'w', 0o600)).close();
    await rename(join(walFolder, `${PENDING}${name}`), join(walFolder, name));
  }
  const folder = await open(walFolder, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Whether all WAL from `lsn` on is here: the server's last restartpoint may have removed some since it was looked at. */
export async function hasWalFrom(walFolder: string, lsn: Lsn): Promise<boolean> {
  const files = (await readdir(walFolder)).filter((file) => SEGMENT.test(file));
  const sample = files[0];
  if (sample === undefined) return false;
  const segmentBytes = BigInt((await stat(join(walFolder, sample))).size);
  const numbers = new Set(files.map((file) => segmentNumber(file, segmentBytes)));
  const last = [...numbers].reduce((most, number) => (number > most ? number : most));
  for (let number = lsn / segmentBytes; number <= last; number++) if (!numbers.has(number)) return false;
  return lsn / segmentBytes <= last;
}

/** What an earlier attempt left behind. */
export async function discardWal(walFolder: string): Promise<void> {
  for (const file of await readdir(walFolder)) if (file.startsWith(PENDING)) await rm(join(walFolder, file), { force: true });
}

import { open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';

/** DBState of pg_control in its order, the same from 9.1 to 18, as pg_controldata prints it. */
const STATES = [
  'starting up',
  'shut down',
  'shut down in recovery',
  'shutting down',
  'in crash recovery',
  'in archive recovery',
  'in production',
] as const;

export type ClusterState = (typeof STATES)[number];

/** Known pg_control_version: 922 for 9.1 … 1800 for 18; what is outside may have another layout. */
const OLDEST_LAYOUT = 900;
const NEWEST_LAYOUT = 1899;

/** system_identifier (8), pg_control_version (4), catalog_version_no (4), state (4). */
const HEAD_BYTES = 20;

export interface ControlFileHead {
  readonly systemId: string;
  readonly state: ClusterState;
}

/**
 * Reads the head of `global/pg_control` without a process, for polling every few milliseconds. It checks no CRC: what
 * follows from a change must be confirmed by pg_controldata. The server writes the file in one piece, and the fields lie in
 * its first sector.
 * @returns undefined when the file is missing or of an unknown layout.
 */
export async function readControlFileHead(dataDir: string): Promise<ControlFileHead | undefined> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(join(dataDir, 'global', 'pg_control'), 'r');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return bytesRead === HEAD_BYTES ? parseControlFileHead(buffer) : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}

export function parseControlFileHead(buffer: Buffer): ControlFileHead | undefined {
  const isLittle = endianness() === 'LE';
  const u32 = (at: number): number => (isLittle ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at));
  const version = u32(8);
  const state = STATES[u32(16)];
  if (version < OLDEST_LAYOUT || version > NEWEST_LAYOUT || state === undefined) return undefined;
  return { systemId: String(isLittle ? buffer.readBigUInt64LE(0) : buffer.readBigUInt64BE(0)), state };
}

import { LSN_ZERO, parseLsn } from '../../base/lsn.js';
import { parseInteger } from '../../base/python-values.js';
import type { ControlData } from '../../ports/postgres.js';

/** Lines of pg_controldata by name; `Current ` of old versions is removed from the names. */
export function parseFields(output: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const line of output.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    fields[line.slice(0, colon).replace('Current ', '').trim()] = line.slice(colon + 1).trim();
  }
  return fields;
}

/** @returns undefined when the output is not pg_controldata's. */
export function parseControlData(output: string): ControlData | undefined {
  const raw = parseFields(output);
  const clusterState = raw['Database cluster state'];
  const systemId = raw['Database system identifier'];
  if (clusterState === undefined || systemId === undefined) return undefined;
  return {
    clusterState,
    systemId,
    checkpointLsn: lsn(raw['Latest checkpoint location']),
    checkpointTimeline: parseInteger(raw["Latest checkpoint's TimeLineID"]) ?? 0,
    checkpointRedoWalFile: raw["Latest checkpoint's REDO WAL file"],
    minRecoveryEndLsn: lsn(raw['Minimum recovery ending location']),
    minRecoveryEndTimeline: parseInteger(raw["Min recovery ending loc's timeline"]) ?? 0,
    walLogHints: raw['wal_log_hints setting'] === 'on',
    dataChecksumVersion: parseInteger(raw['Data page checksum version']) ?? 0,
    raw,
  };
}

function lsn(text: string | undefined): ControlData['checkpointLsn'] {
  return (text === undefined ? undefined : parseLsn(text)) ?? LSN_ZERO;
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn } from '../../../test/support/builders.js';
import { missingSegments, restartLsnOf } from './slot-wal.js';

const MB16 = 16_777_216n;
const file = (timeline: number, number: number): string =>
  [timeline, Math.floor(number / 256), number % 256].map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');

describe('WAL that a copied slot needs', () => {
  test('its beginning is read from the state file', () => {
    const state = Buffer.alloc(200);
    state.writeBigUInt64LE(0x1_0200_0028n, 96);
    assert.equal(restartLsnOf(state), 0x1_0200_0028n);
    assert.equal(restartLsnOf(Buffer.alloc(100)), undefined);
  });

  test('files from there up to the first one that the standby has', () => {
    const theirs = [file(1, 254), file(1, 255), file(1, 256), file(2, 256), file(2, 257), '00000002.history', 'archive_status'];
    const needed = (from: number, own: readonly string[]): readonly string[] | undefined =>
      missingSegments(lsn(BigInt(from) * MB16 + 40n), own, theirs, MB16);
    assert.deepEqual(needed(255, [file(2, 257), file(2, 258), 'archive_status']), [file(1, 255), file(1, 256), file(2, 256)]);
    assert.deepEqual(needed(257, [file(2, 257), file(2, 258)]), []);
    assert.deepEqual(needed(258, [file(2, 257)]), []);
    assert.equal(needed(253, [file(2, 257)]), undefined, 'the leader has removed it');
    assert.equal(needed(255, []), undefined);
  });

  test('no more than a disk can be asked for', () => {
    const many = Array.from({ length: 100 }, (_, at) => file(1, at + 1));
    assert.equal(missingSegments(lsn(MB16), [file(1, 90)], many, MB16), undefined);
    assert.equal(missingSegments(lsn(30n * MB16), [file(1, 90)], many, MB16)?.length, 60);
  });
});

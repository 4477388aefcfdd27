import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JuteError, JuteReader, JuteWriter } from './jute.js';
import { NEW_SESSION, writeGreeting, writeRequest } from './protocol.js';

test('what is written is read, session identifiers without loss', () => {
  const written = new JuteWriter()
    .int(-5)
    .long(-9223372036854775807n)
    .bool(true)
    .text('é')
    .bytes(Buffer.from([0, 255]))
    .toBuffer();
  const reader = new JuteReader(written);
  assert.deepEqual([reader.int(), reader.long(), reader.bool(), reader.text()], [-5, -9223372036854775807n, true, 'é']);
  assert.deepEqual(reader.bytes(), Buffer.from([0, 255]));
  assert.throws(() => reader.int(), JuteError);
});

test('a message that ends too early, or has a null', () => {
  assert.throws(() => new JuteReader(new JuteWriter().int(5).toBuffer()).text(), JuteError);
  assert.equal(new JuteReader(new JuteWriter().int(-1).toBuffer()).text(), '');
});

test('requests as ZooKeeper documents them', () => {
  const write = { op: 'create', path: '/a', data: Buffer.from('b'), isEphemeral: true } as const;
  const { type, body } = writeRequest({ ...write, acl: [{ permissions: 31, scheme: 'world', id: 'anyone' }] });
  const acl = '000000010000001f00000005776f726c6400000006616e796f6e65';
  assert.equal(type, 1);
  assert.equal(body.toBuffer().toString('hex'), `000000022f610000000162${acl}00000001`);
  const greeting = writeGreeting({ ...NEW_SESSION, timeoutMs: 10_000, seenZxid: 0n }).toString('hex');
  assert.equal(greeting, `00000000${'00'.repeat(8)}00002710${'00'.repeat(8)}00000010${'00'.repeat(16)}00`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framed, frames } from './frames.js';
import { JuteError } from './jute.js';

function split(data: Buffer, chunkSize: number): { readonly messages: string[]; readonly failures: string[] } {
  const [messages, failures]: [string[], string[]] = [[], []];
  const take = frames(
    (message) => messages.push(message.toString('latin1')),
    (error) => failures.push(error.message),
  );
  for (let at = 0; at < data.length; at += chunkSize) take(data.subarray(at, at + chunkSize));
  return { messages, failures };
}

test('messages are put together whatever the pieces that they arrive in', () => {
  const wanted = ['one', '', 'three'.repeat(50)];
  const data = Buffer.concat(wanted.map((text) => framed(Buffer.from(text))));
  for (let chunkSize = 1; chunkSize <= data.length; chunkSize += 1) {
    assert.deepEqual(split(data, chunkSize), { messages: wanted, failures: [] }, `pieces of ${chunkSize}`);
  }
});

test('what is no message of ZooKeeper is told', () => {
  assert.match(split(Buffer.from('HTTP/1.1 400 Bad Request'), 5).failures[0] ?? '', /not an answer of ZooKeeper/);
  assert.match(split(Buffer.from([255, 255, 255, 255]), 4).failures[0] ?? '', /not an answer/);
});

test('a message that can not be read is told, other errors are not swallowed', () => {
  const failures: string[] = [];
  const take = (problem: Error): void =>
    frames(
      () => {
        throw problem;
      },
      (error) => failures.push(error.message),
    )(framed(Buffer.from('x')));
  take(new JuteError('too short'));
  assert.deepEqual(failures, ['too short']);
  assert.throws(() => take(new TypeError('a bug')), TypeError);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceName } from './service.js';
import { secondsText } from './session.js';

test('the name of the service is a part of a host name', () => {
  for (const [scope, name] of [
    ['demo', 'demo'],
    ['My_Scope.a b', 'my-scope-a-b'],
    ['é/x', 'u0233u0047x'],
    ['x'.repeat(300), 'x'.repeat(230)],
  ] as const) {
    assert.equal(serviceName(scope), name);
  }
});

test('durations are written as Python does', () => {
  assert.deepEqual([15_000, 7500, 1000, 500].map(secondsText), ['15.0s', '7.5s', '1.0s', '0.5s']);
});

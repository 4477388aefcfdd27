import { describe, test } from 'node:test';
import { verify } from '../../../test/decisions/case.js';
import { holderCases, requestCases } from '../../../test/decisions/holder.js';

describe('rules: holder', () => {
  for (const given of holderCases) test(given.name, () => verify(given));
});

describe('rules: switchover', () => {
  for (const given of requestCases) test(given.name, () => verify(given));
});

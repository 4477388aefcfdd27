import { describe, test } from 'node:test';
import { verify } from '../../../test/decisions/case.js';
import { divergenceCases, followCases } from '../../../test/decisions/follower.js';

describe('rules: follow', () => {
  for (const given of followCases) test(given.name, () => verify(given));
});

describe('rules: divergence', () => {
  for (const given of divergenceCases) test(given.name, () => verify(given));
});

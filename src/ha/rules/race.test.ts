import { describe, test } from 'node:test';
import { verify } from '../../../test/decisions/case.js';
import { raceCases } from '../../../test/decisions/race.js';

describe('rules: race', () => {
  for (const given of raceCases) test(given.name, () => verify(given));
});

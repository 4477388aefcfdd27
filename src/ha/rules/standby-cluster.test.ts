import { describe, test } from 'node:test';
import { verify } from '../../../test/decisions/case.js';
import { standbyClusterCases } from '../../../test/decisions/standby-cluster.js';

describe('rules: standby cluster', () => {
  for (const given of standbyClusterCases) test(given.name, () => verify(given));
});

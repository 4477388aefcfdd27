import { describe, test } from 'node:test';
import { type DecisionCase, verify } from '../../../test/decisions/case.js';
import { failsafeCases } from '../../../test/decisions/failsafe.js';
import { bootstrapCases, dataDirectoryCases, identityCases } from '../../../test/decisions/joining.js';
import { pauseCases } from '../../../test/decisions/pause.js';
import { busyCases, dcsUnreachableCases, recoveringCases, startingCases, stoppedCases } from '../../../test/decisions/server.js';
import { crashLoopCases, overdueStopCases, uselessCases } from '../../../test/decisions/useless.js';

const TABLES: Readonly<Record<string, readonly DecisionCase[]>> = {
  busy: busyCases,
  starting: startingCases,
  bootstrap: bootstrapCases,
  recovering: recoveringCases,
  'data-directory': dataDirectoryCases,
  identity: identityCases,
  stopped: stoppedCases,
  'dcs-unreachable': dcsUnreachableCases,
  'failsafe mode': failsafeCases,
  'maintenance mode': pauseCases,
  useless: uselessCases,
  'overdue stop': overdueStopCases,
  'crash loop': crashLoopCases,
};

for (const [table, cases] of Object.entries(TABLES)) {
  describe(`rules: ${table}`, () => {
    for (const given of cases) test(given.name, () => verify(given));
  });
}

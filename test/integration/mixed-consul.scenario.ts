import { mixedStory } from './harness/mixed-story.js';

mixedStory(
  'consul',
  process.env['PEER_HAS_CLIENTS'] === '1' ? undefined : 'the present Python Patroni or its client of Consul could not be had',
);

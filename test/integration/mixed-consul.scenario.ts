import { mixedStory } from './harness/mixed-story.js';

mixedStory('consul', process.env['PEER_HAS_CONSUL'] === '1' ? undefined : 'its client of Consul could not be had');

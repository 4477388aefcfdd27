import { mixedStory } from './harness/mixed-story.js';

mixedStory('etcd');

import { test } from 'vitest';
import { playAll, wanted } from './support.ts';

// Two files, so that two cores share the work.
test('keeps every promise in random histories (even seeds)', () => playAll(0, 2, wanted), 0);

import { test } from 'vitest';
import { playAll, wanted } from './support.ts';

test('keeps every promise in random histories (odd seeds)', () => playAll(1, 2, wanted), 0);

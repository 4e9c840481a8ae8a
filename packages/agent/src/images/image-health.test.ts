import { expect, test } from 'vitest';
import { imageHealth } from './image-health.ts';

test('the check of an image is read as Docker writes it', () => {
  expect(
    imageHealth({
      Test: ['CMD-SHELL', 'curl -f localhost'],
      Interval: 5e9,
      Timeout: 2e9,
      Retries: 2,
      StartPeriod: 0,
    }),
  ).toEqual({
    probe: { kind: 'shell', line: 'curl -f localhost' },
    intervalMs: 5_000,
    timeoutMs: 2_000,
    retries: 2,
  });
  expect(imageHealth({ Test: ['CMD', '/check', '-q'], StartInterval: 5e8 })).toEqual({
    probe: { kind: 'command', argv: ['/check', '-q'] },
    startIntervalMs: 500,
  });
  expect(imageHealth({ Test: ['NONE'] })).toEqual({ probe: { kind: 'off' } });
});

test.each([[undefined], [null], ['CMD'], [{}], [{ Test: [] }], [{ Test: ['CMD'] }], [{ Test: ['CMD', 3] }]])(
  'what is no check (%j) is none',
  (value) => expect(imageHealth(value)).toBeUndefined(),
);

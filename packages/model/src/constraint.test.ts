import { describe, expect, test } from 'vitest';
import { aNode } from '../../../tests/support/builders.ts';
import { meets, parseConstraint } from './constraint.ts';

const node = aNode({ id: 'n1', name: 'web-eu-7', labels: { disk: 'ssd', slots: '8', zone: 'b' } });

describe('constraints', () => {
  test.each([
    ['node.labels.disk==ssd', true],
    ['node.labels.disk == hdd', false],
    ['node.labels.none!=x', true],
    ['node.labels.slots>4', true],
    ['node.labels.slots < 8', false],
    ['node.labels.disk>1', false],
    ['node.labels.zone in (a, b)', true],
    ['node.labels.zone in a,c', false],
    ['node.labels.zone not in (a)', true],
    ['node.labels.none not in (a)', true],
    ['node.hostname~web-*', true],
    ['node.hostname ~ *-eu-?', true],
    ['node.hostname~*-eu-??', false],
    ['node.labels.disk exists', true],
    ['node.labels.none exists', false],
    ['node.labels.none not exists', true],
    ['node.cpus>3', true],
    ['node.role==worker', true],
  ])('%s is %s', (text, met) => {
    const constraint = parseConstraint(text);
    expect(typeof constraint).toBe('object');
    expect(typeof constraint !== 'string' && meets(node, constraint)).toBe(met);
  });

  test.each([
    ['node.labels.disk', 'is not a constraint'],
    ['node.labels.disk exists x', 'is not a constraint'],
    ['node.colour==red', 'is not known'],
    ['node.labels.slots>many', 'which is not a number'],
    ['node.labels.zone in ()', 'names no value'],
  ])('%s is refused in words', (text, words) => {
    expect(parseConstraint(text)).toContain(words);
  });
});

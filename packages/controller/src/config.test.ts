import { expect, test } from 'vitest';
import { defaultPools } from '@gantry/model/addresses';
import { readConfig } from './config.ts';

function refusal(...argv: readonly string[]): string {
  try {
    readConfig(argv);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

test('the pools of addresses are as given, or the defaults', () => {
  expect(readConfig([]).pools).toEqual(defaultPools);
  expect(readConfig(['--container-pool', '10.128.0.0/10']).pools).toEqual({
    ...defaultPools,
    containerPool: '10.128.0.0/10',
  });
  expect(readConfig(['--vip-pool', '172.16.0.0/16']).pools.vipPool).toBe('172.16.0.0/16');
});

test('pools that are none, too small, too large or in each other are refused in words', () => {
  for (const pool of ['10.210.0.0', '10.210.0.0/24', '10.0.0.0/7', '10.210.0.1/16', '10.300.0.0/16', 'wide'])
    expect(refusal('--container-pool', pool)).toBe(
      `--container-pool ${pool}: write the first address of a range and its length, /8 to /23`,
    );
  expect(refusal('--vip-pool', '10.211.0.0/31')).toMatch(/^--vip-pool 10\.211\.0\.0\/31: .*\/8 to \/30$/);
  expect(refusal('--container-pool', '10.208.0.0/12')).toBe(
    '--vip-pool 10.211.0.0/16 and --container-pool 10.208.0.0/12 share addresses: take two apart',
  );
});

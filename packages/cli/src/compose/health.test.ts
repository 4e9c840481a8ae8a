import { describe, expect, test } from 'vitest';
import { showProblems } from './problems.ts';
import { readCompose, type ComposeResult } from './read.ts';

function read(lines: readonly string[], sugar = false): ComposeResult {
  const source = [
    'services:',
    '  web:',
    '    image: nginx:1',
    ...lines.map((line) => `    ${line}`),
    '',
  ].join('\n');
  return readCompose({
    source,
    stack: { fallback: 'shop' },
    variables: {},
    readFile: () => undefined,
    sugar,
  });
}

function health(...lines: readonly string[]) {
  const { problems, services } = read(lines);
  expect(problems).toEqual([]);
  return services[0]?.container.health;
}

function said(lines: readonly string[], sugar = false): readonly string[] {
  return read(lines, sugar).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('a health check', () => {
  test.each<[string, string, unknown]>([
    [
      'a line is run by a shell',
      'healthcheck: { test: "curl -f localhost || exit 1" }',
      { kind: 'shell', line: 'curl -f localhost || exit 1' },
    ],
    [
      'CMD is run as it is',
      'healthcheck: { test: ["CMD", "/bin/check", "-v"] }',
      { kind: 'command', argv: ['/bin/check', '-v'] },
    ],
    [
      'CMD-SHELL is run by a shell',
      'healthcheck: { test: ["CMD-SHELL", "test -f /ok"] }',
      { kind: 'shell', line: 'test -f /ok' },
    ],
    ['NONE turns it off', 'healthcheck: { test: ["NONE"] }', { kind: 'off' }],
    ['disable turns it off', 'healthcheck: { disable: true }', { kind: 'off' }],
    [
      'http under x-gantry',
      'x-gantry: { healthcheck: { http: ":8080/healthz" } }',
      { kind: 'http', port: 8080, path: '/healthz' },
    ],
    ['tcp under x-gantry', 'x-gantry: { healthcheck: { tcp: ":5432" } }', { kind: 'tcp', port: 5432 }],
    [
      'grpc under x-gantry',
      'x-gantry: { healthcheck: { grpc: ":9000/shop.Cart" } }',
      { kind: 'grpc', port: 9000, service: 'shop.Cart' },
    ],
  ])('%s', (_name, line, probe) => expect(health(line)).toEqual({ probe }));

  test('has Compose’s times, and those that are absent stay absent', () => {
    expect(
      health(
        'healthcheck:',
        '  test: /ok',
        '  interval: 1m30s',
        '  timeout: 500ms',
        '  retries: 5',
        '  start_period: 0s',
        '  start_interval: 2s',
      ),
    ).toEqual({
      probe: { kind: 'shell', line: '/ok' },
      intervalMs: 90_000,
      timeoutMs: 500,
      retries: 5,
      startPeriodMs: 0,
      startIntervalMs: 2_000,
    });
    expect(health('healthcheck: { interval: 5s }')).toEqual({ intervalMs: 5_000 });
    expect(health()).toBeUndefined();
  });

  test('sugar stands in gantry.yaml, and is no key of Compose', () => {
    const line = 'healthcheck: { http: 8080, interval: 1s }';
    expect(read([line], true).services[0]?.container.health).toEqual({
      probe: { kind: 'http', port: 8080, path: '/' },
      intervalMs: 1_000,
    });
    expect(said([line])).toEqual(['4:20 unknown key "http"']);
  });

  test('what is wrong is said where it stands', () => {
    expect(said(['healthcheck:', '  test: ["curl", "-f"]', '  interval: 5', '  retries: 0'])).toEqual([
      '5:13 the list of a test begins with CMD, CMD-SHELL or NONE',
      '6:17 interval "5" is not understood',
    ]);
    expect(said(['healthcheck:', '  test: /ok', '  interval: 0s', '  retries: 0'])).toEqual([
      '6:17 interval must be 1 ms to 24 h',
      '7:16 retries must be a whole number from 1 to 1000',
    ]);
    expect(said(['healthcheck: { test: ["CMD"] }'])).toEqual(['4:20 the test names no program']);
    expect(said(['healthcheck: { tcp: ":99999" }'], true)).toEqual(['4:25 the port must be 1 to 65535']);
    expect(said(['healthcheck: { tcp: ":80", http: ":80" }'], true)).toEqual([
      '4:25 a service has one health check',
    ]);
  });
});

describe('logging', () => {
  test('keeps as much as the options say', () => {
    const { services, problems } = read([
      'logging: { driver: json-file, options: { max-size: 1m, max-file: "3" } }',
    ]);
    expect(problems).toEqual([]);
    expect(services[0]?.container.logging).toEqual({ maxBytes: 1 << 20, maxFiles: 3 });
  });

  test('what is wrong is said where it stands', () => {
    expect(said(['logging: { driver: syslog }'])).toEqual(['4:24 there is no logging driver "syslog"']);
    expect(said(['logging:', '  options:', '    max-size: 1k', '    max-file: "0"'])).toEqual([
      '6:19 max-size must be 64k to 1024g',
      '7:19 max-file must be 1 to 1000',
    ]);
    const lines = ['logging: { options: { max-sise: 1m } }'];
    const { problems } = read(lines);
    expect(showProblems('compose.yaml', '', problems)).toContain('did you mean "max-size"?');
  });
});

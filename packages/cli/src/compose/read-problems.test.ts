import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { read, report, said, web } from '../../../../tests/support/compose.ts';
import { showProblems } from './problems.ts';

describe('problems', () => {
  test('are all told at once, in the order of the file, with line, carets and hint', () => {
    const source = [
      'services:',
      '  web:',
      '    port:',
      '      - 80',
      '  api:',
      '    image: api:1',
      '    stop_grace_period: soon',
      '    build: .',
      'models:',
      '  key: {}',
    ].join('\n');
    expect(report(source)).toBe(
      [
        'compose.yaml:2:3: service web needs an image',
        '    2 |   web:',
        '      |   ^^^ add image: NAME:TAG',
        'compose.yaml:3:5: unknown key "port"',
        '    3 |     port:',
        '      |     ^^^^ did you mean "ports"?',
        'compose.yaml:7:24: stop_grace_period "soon" is not understood',
        '    7 |     stop_grace_period: soon',
        '      |                        ^^^^ write a duration, e.g. 10s or 1m30s',
        'compose.yaml:8:5: build is not supported',
        '    8 |     build: .',
        '      |     ^^^^^ build and push the image first, then name it with image:',
        'compose.yaml:9:1: models is not supported yet',
        '    9 | models:',
        '      | ^^^^^^ leave it out for now',
      ].join('\n'),
    );
  });

  test('of a field that the controller names are found in the file', () => {
    const source = web('deploy:', '  resources:', '    limits:', '      memory: 1K', 'ports: ["80:80"]');
    const { locate } = read(source);
    expect(locate('services.web.image')).toEqual({ line: 3, column: 12, length: 7 });
    expect(locate('services.web.container.limits.memoryBytes')).toEqual({ line: 7, column: 19, length: 2 });
    expect(locate('services.web.ports.0')).toEqual({ line: 8, column: 13, length: 7 });
    expect(locate('services.web.container.stopSignal')).toEqual({ line: 2, column: 3, length: 3 });
    expect(locate('services.nobody.image')).toEqual({ line: 1, column: 1, length: 8 });
  });

  test('of rules over several fields stand where the value stands', () => {
    const source = web(
      'mem_limit: 64M',
      'mem_reservation: 128M',
      'deploy: { placement: { constraints: ["disk"] } }',
    );
    expect(said(source)).toEqual([
      '5:22 the reservation of memoryBytes is above its limit',
      '6:42 "disk" is not a constraint; write e.g. node.labels.disk==ssd or node.hostname!=n3; also <, >, in (a, b), ~web-*, exists',
    ]);
  });
});

describe('YAML', () => {
  test.each([
    ['', '1:1 the file is empty'],
    ['services:', '1:1 the file has no services'],
    ['services: {}', '1:1 the file has no services'],
    ['version: "3"', '1:1 the file has no services'],
    ['- a', '1:1 a Compose file must be a map, not a list'],
    ['services: [web]', '1:11 services must be a map, not a list'],
    ['services:\n  web:\n', '2:3 service web needs an image'],
    [
      'services:\n  Web:\n    image: a',
      '2:3 "Web" is not a name: use lower-case letters, digits and dashes, at most 63, and begin and end with a letter or digit',
    ],
    [web('image: b'), '4:5 Map keys must be unique'],
    [web('labels: *nobody'), '4:13 there is no anchor &nobody above this alias'],
    [
      web('labels: { a: b'),
      '5:1 Flow map in block collection must be sufficiently indented and end with a }',
    ],
    [`x-a: &a\n  <<: *a\n${web('<<: *a')}`, '2:7 a map cannot be merged into itself'],
  ])('%j is refused', (source, expected) => {
    expect(said(source)).toContain(expected);
  });

  test('merges: own keys win, then the first that is merged', () => {
    const source = [
      'x-a: &a { user: a, hostname: a }',
      'x-b: &b { user: b, working_dir: /b, hostname: b }',
      web('<<: [*a, *b]', 'hostname: own').trimEnd(),
    ].join('\n');
    expect(read(source).services[0]?.container).toMatchObject({
      hostname: 'own',
      user: 'a',
      workingDir: '/b',
    });
  });

  test('many merges of merges take no time', () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const below = i === 0 ? 'k: v' : `<<: [${Array.from({ length: 10 }, () => `*l${i - 1}`).join(', ')}]`;
      return `x-${i}: &l${i} { ${below} }`;
    });
    const started = performance.now();
    const { problems } = read(`${levels.join('\n')}\n${web('labels:', '  <<: *l8')}`);
    expect(problems).toEqual([]);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  test('files that are too large, too deep or full of aliases are refused', () => {
    expect(said(`#${'x'.repeat(1 << 20)}`)).toEqual(['1:1 the file is larger than 1 MiB']);
    expect(said('['.repeat(100_000))[0]).toBe('1:1 the file is nested too deeply');
    const aliases = Array.from({ length: 101 }, () => '*a').join(', ');
    expect(said(`x-a: &a 1\nx-b: [${aliases}]\n${web()}`)[0]).toContain(
      'a file may have at most 100 aliases',
    );
  });

  test('words and numbers stay as they are written', () => {
    const source = web('environment: { A: no, B: 0440, C: 1.10, D: 22:22, E: 0x10, F: ~ }');
    const { env } = read(source).services[0]!.container;
    expect(env).toEqual({ A: 'no', B: '0440', C: '1.10', D: '22:22', E: '0x10' });
  });

  test('whatever a file holds, reading it answers', () => {
    const line = fc.constantFrom(
      ...[
        'image: a',
        'ports:',
        '- "80:80"',
        'deploy:',
        'replicas: 3',
        '<<: *x',
        '&x',
        '*x',
        'a: [',
        '}',
        '!!set',
        '? b',
        '| ',
        '${A:-',
        '- - -',
        'environment:',
        'x: 1e999',
      ],
    );
    const indented = fc
      .tuple(fc.integer({ min: 0, max: 4 }), line)
      .map(([depth, text]) => '  '.repeat(depth) + text);
    const lines = fc.array(fc.oneof(indented, fc.string()), { maxLength: 12 });
    fc.assert(
      fc.property(lines, (some) => {
        const source = ['services:', '  web:', ...some].join('\n');
        const { problems } = read(source);
        for (const { line: at, column } of problems) expect(Math.min(at, column)).toBeGreaterThanOrEqual(1);
        expect(typeof showProblems('f', source, problems)).toBe('string');
      }),
      { numRuns: 300 },
    );
  });
});

describe('environment', () => {
  test('files come first, then the file itself, then the caller for names without a value', () => {
    const source = web(
      'env_file:',
      '  - a.env',
      '  - { path: none.env, required: false }',
      'environment: [B=own, HOME, NOBODY]',
    );
    const files: Readonly<Record<string, string>> = {
      'a.env': "A=1\nB=2\nexport C='$HOME'\nD=${A}-$HOME # why\n",
    };
    const { problems, services } = read(source, {
      readFile: (name) => files[name],
      variables: { HOME: '/root' },
    });
    expect(problems).toEqual([]);
    expect(services[0]?.container.env).toEqual({ A: '1', B: 'own', C: '$HOME', D: '1-/root', HOME: '/root' });
  });

  test('a line of a file that means nothing is told', () => {
    expect(said(web('env_file: a.env'), { readFile: () => 'A=1\nnot this\nB="open\n' })).toEqual([
      '4:15 env_file a.env, line 2: write NAME=value',
      '4:15 env_file a.env, line 3: a quote is not closed',
    ]);
  });
});

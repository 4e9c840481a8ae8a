import { expect, test } from 'vitest';
import { readCompose, type ComposeInput, type ComposeResult } from './read.ts';

const files: Readonly<Record<string, string>> = { './pw.txt': 'canary-5e1c\n', 'empty.txt': '' };

function read(source: string, more: Partial<ComposeInput> = {}): ComposeResult {
  return readCompose({
    source,
    stack: { fallback: 'shop' },
    variables: { TOKEN: 'from the environment', NAME: 'x' },
    readFile: () => undefined,
    readBytes: (name) => {
      const text = name === 'large' ? 'x'.repeat(512_001) : files[name];
      return text === undefined ? undefined : Buffer.from(text);
    },
    sugar: false,
    ...more,
  });
}

/** A file whose one service has these lines, and below it these lines at the top. */
function file(service: readonly string[], top: readonly string[]): string {
  const web = ['services:', '  web:', '    image: nginx:1', ...service.map((line) => `    ${line}`)];
  return [...web, ...top, ''].join('\n');
}

function said(service: readonly string[], top: readonly string[]): readonly string[] {
  const { problems, notices } = read(file(service, top));
  return [...problems, ...notices].map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const given = ({ contents }: ComposeResult): object =>
  Object.fromEntries(
    contents.map(({ kind, name, value }) => [`${kind} ${name}`, Buffer.from(value).toString()]),
  );

test('the short form is a file that everybody in the container may read, where Compose puts it', () => {
  const result = read(
    file(
      ['secrets: [db_password, token]', 'configs: [page]'],
      [
        'secrets: { db_password: { file: ./pw.txt }, token: { environment: TOKEN, name: "${NAME}-token" } }',
        'configs: { page: { content: "Hello ${NAME}, $$5" } }',
      ],
    ),
  );
  expect(result.problems).toEqual([]);
  const root = { uid: 0, gid: 0, mode: 0o444 };
  expect(result.services[0]?.container.contents).toEqual([
    { kind: 'config', source: 'shop_page', target: '/page', ...root },
    { kind: 'secret', source: 'shop_db_password', target: '/run/secrets/db_password', ...root },
    { kind: 'secret', source: 'x-token', target: '/run/secrets/token', ...root },
  ]);
  expect(given(result)).toEqual({
    'config shop_page': 'Hello x, $5',
    'secret shop_db_password': 'canary-5e1c\n',
    'secret x-token': 'from the environment',
  });
});

test('the long form says where, whose and how', () => {
  const lines = [
    'secrets:',
    '  - { source: pw, target: pass, uid: "103", gid: 104, mode: 0440 }',
    '  - { source: pw, target: /etc/app/pass, mode: "0400" }',
    'configs: [{ source: c, target: etc/app.conf }]',
  ];
  const top = ['secrets: { pw: { external: true } }', 'configs: { c: { external: true, name: shared } }'];
  const { services, problems, contents } = read(file(lines, top));
  expect(problems).toEqual([]);
  expect(services[0]?.container.contents).toEqual([
    { kind: 'config', source: 'shared', target: '/etc/app.conf', uid: 0, gid: 0, mode: 0o444 },
    { kind: 'secret', source: 'pw', target: '/run/secrets/pass', uid: 103, gid: 104, mode: 0o440 },
    { kind: 'secret', source: 'pw', target: '/etc/app/pass', uid: 0, gid: 0, mode: 0o400 },
  ]);
  expect(contents).toEqual([]);
});

test.each([
  ['is not there', ['secrets: [pwd]'], ['secrets: { pw: { external: true } }'], '4:15 there is no secret pwd in this file'],
  ['names nothing', ['secrets: [{ target: x }]'], [], '4:15 this names no secret'],
  ['cannot be read', ['secrets: [pw]'], ['secrets: { pw: { file: ./no } }'], '5:24 secret pw: the file ./no cannot be read'],
  ['is not set', ['secrets: [pw]'], ['secrets: { pw: { environment: NO } }'], '5:31 secret pw: the variable NO is not set'],
  ['has no source', ['secrets: [pw]'], ['secrets: { pw: {} }'], '5:12 secret pw does not say what is in it'],
  ['has two', ['configs: [c]'], ['configs: { c: { file: ./pw.txt, content: x } }'], '5:33 config c says twice what is in it'],
  ['is external and more', ['configs: [c]'], ['configs: { c: { content: x, external: true } }'], '5:29 config c says twice what is in it'],
  ['is empty', ['secrets: [pw]'], ['secrets: { pw: { file: empty.txt } }'], '5:24 secret pw is empty'],
  ['is too large', ['secrets: [pw]'], ['secrets: { pw: { file: large } }'], '5:24 secret pw is larger than 500 KiB'],
  ['has its value in the file', ['secrets: [pw]'], ['secrets: { pw: { content: hunter2 } }'], '5:18 content is not supported'],
  ['is of a driver', ['secrets: [pw]'], ['secrets: { pw: { external: true, driver: vault } }'], '5:34 driver is not supported'],
  ['has a key that is none', ['secrets: [{ source: pw, path: x }]'], ['secrets: { pw: { external: true } }'], '4:29 unknown key "path"'],
  ['has a bad mode', ['secrets: [{ source: pw, mode: rw }]'], ['secrets: { pw: { external: true } }'], '4:35 mode "rw" is not understood'],
  ['would be setuid', ['secrets: [{ source: pw, mode: 4755 }]'], ['secrets: { pw: { external: true } }'], '4:15 the mode of a file must be octal, up to 777, e.g. 0440'],
  ['is where another is', ['secrets: [pw, { source: pw, target: pw }]'], ['secrets: { pw: { external: true } }'], '4:19 /run/secrets/pw is mounted twice'],
  ['is where a tmpfs is', ['tmpfs: /run/secrets/pw', 'secrets: [pw]'], ['secrets: { pw: { external: true } }'], '5:15 /run/secrets/pw is mounted twice'],
  ['leads out', ['secrets: [{ source: pw, target: ../../etc/x }]'], ['secrets: { pw: { external: true } }'], '4:15 "/run/secrets/../../etc/x" must be an absolute path of a file, not below /proc or /sys'],
  ['shares its name', ['configs: [a, b]'], ['configs: { a: { content: x, name: n }, b: { content: y, name: n } }'], '5:40 config b has the same name as a: n'],
  ['is named by nobody', [], ['secrets: { pw: { file: ./pw.txt } }'], '4:12 secret pw: no service names it; it is not made'],
])('one that %s is told in one sentence, with its place', (_what, service, top, words) => {
  expect(said(service, top)[0]).toBe(words);
}); // prettier-ignore

test('what a file says wrongly of a secret is told without its value', () => {
  for (const value of ['x'.repeat(512_001), 'canary-5e1c'])
    for (const top of [
      'secrets: { pw: { environment: V, file: ./no } }',
      'secrets: { pw: { environment: V } }',
    ])
      expect(
        JSON.stringify(read(file(['secrets: [pw, pw]'], [top]), { variables: { V: value } }).problems),
      ).not.toContain(value.slice(0, 9));
});

test('a field that the controller names is found in the file', () => {
  const { locate } = read(
    file(['secrets: [a, b]'], ['secrets: { a: { external: true }, b: { external: true } }']),
  );
  expect(locate('services.web.contents.1')).toEqual({ line: 4, column: 18, length: 1 });
});

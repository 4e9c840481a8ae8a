import { expect, test } from 'vitest';
import { joined } from './init-note.ts';
import { explainCreateFailure, explainInitFailure } from './explain.ts';

/** As runc 1.1.5 words it, by the way of conmon. */
const said = (text: string): string =>
  `time="2026-01-01T00:00:00Z" level=error msg=${JSON.stringify(`runc create failed: unable to start container process: ${text}`)}\n`;

test.each([
  [
    'exec: "/bin/absent": stat /bin/absent: no such file or directory',
    'invalid',
    'the image has no program /bin/absent',
  ],
  ['exec: "absent": executable file not found in $PATH', 'invalid', 'the image has no program absent'],
  ['exec: "/etc/text": permission denied', 'invalid', '/etc/text in the image is not executable'],
  [
    'chdir to cwd ("/srv/x") set in config.json failed: permission denied',
    'invalid',
    'the working directory /srv/x cannot be entered',
  ],
  [
    'error during container init: unable to apply caps: operation not permitted',
    'invalid',
    'this host cannot give the container all the capabilities it asks for',
  ],
  [
    'container init was OOM-killed (memory limit too low?)',
    'invalid',
    'the memory limit is too low to start the container',
  ],
])('%s', (text, code, message) => expect(explainCreateFailure(said(text))).toMatchObject({ code, message }));

test('what it does not know it passes on, as an internal error', () => {
  expect(explainCreateFailure(said('the moon is full'))).toMatchObject({
    code: 'internal',
    message: expect.stringContaining('the moon is full') as unknown,
  });
  expect(explainCreateFailure('').message).toContain('said nothing');
});

test.each([
  ['No such file or directory', 'the image has no program /bin/absent, or not the interpreter that it names'],
  ['Permission denied', '/bin/absent in the image is not executable'],
  ['Argument list too long', '/bin/absent in the image cannot be run: Argument list too long'],
])('an init that cannot run its program: %s', (why, words) => {
  const stamp = '2026-01-01T00:00:00.000000000+00:00 stderr';
  const whole = `${stamp} F [FATAL tini (7)] exec /bin/absent failed: ${why}\n`;
  const pieces = `${stamp} P [FATAL tini (7)] \n${stamp} P exec /bin/absent failed: ${why}\n${stamp} F \n`;
  for (const log of [whole, pieces]) expect(explainInitFailure(joined(log))).toBe(words);
  expect(explainInitFailure('sh: absent: not found')).toBeUndefined();
});

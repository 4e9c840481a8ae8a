import { open } from 'node:fs/promises';
import { GantryError } from '@gantry/kit/errors';
import { maxContentBytes, type ContentKind } from '@gantry/model/content';
import type { ContentView, ContentVersionView } from '@gantry/proto/gen/gantry/v1/content';
import { withContext } from '../context.ts';
import type { Io } from '../io.ts';
import type { GlobalOptions } from '../options.ts';
import { asData, type Shape } from '../output/output.ts';
import { age, bytes } from '../output/units.ts';

/** `gantry secret|config create NAME [FILE|-]`: its first version, or the next. */
export async function contentCreateCommand(
  io: Io,
  options: GlobalOptions,
  kind: ContentKind,
  name: string,
  file = '-',
): Promise<number> {
  const value = file === '-' ? await readInput(io, kind) : await readWhole(file, kind);
  return withContext(io, options, async ({ client, output }) => {
    const request = { content: { kind, name, value } };
    const { content, created } = await client.call(
      client.control.createContent.bind(client.control),
      request,
    );
    const number = content?.versions[0]?.number ?? 0;
    if (!created) output.say(`${kind} ${name} has this content already: version ${number}`);
    else if (number === 1) output.say(`${kind} ${name} made`);
    else output.say(`${kind} ${name}: version ${number} made; services take it when they are applied again`);
    output.done(content ? [content] : []);
    return 0;
  });
}

/** `gantry secret|config ls` */
export function contentLsCommand(io: Io, options: GlobalOptions, kind: ContentKind): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const { contents } = await client.call(client.control.listContents.bind(client.control), { kind });
    output.list(contents, contentShape(kind, Date.now()));
    return 0;
  });
}

/** `gantry secret|config inspect NAME[@VERSION]`: versions and who uses them; of a config its content, too. */
export function contentInspectCommand(
  io: Io,
  options: GlobalOptions,
  kind: ContentKind,
  text: string,
): Promise<number> {
  return withContext(io, options, async ({ client }) => {
    const [, name = text, number] = /^(.+)@(\d+)$/.exec(text) ?? [];
    const request = { kind, name, number: number === undefined ? undefined : Number(number) };
    const { content, value } = await client.call(client.control.inspectContent.bind(client.control), request);
    const shown = { ...content, ...(value && contentOf(value)) };
    io.stdout.write(asData(options.output === 'json' ? 'json' : 'yaml', shown));
    return 0;
  });
}

/** `gantry secret|config rm NAME…`: all of them, or none if one is used. */
export function contentRmCommand(
  io: Io,
  options: GlobalOptions,
  kind: ContentKind,
  names: readonly string[],
): Promise<number> {
  return withContext(io, options, async ({ client, output }) => {
    const request = { kind, names: [...names] };
    await client.call(client.control.removeContents.bind(client.control), request);
    for (const name of names) output.say(`${kind} ${name} removed`);
    output.done(names.map((name) => ({ name })));
    return 0;
  });
}

function contentShape(kind: ContentKind, now: number): Shape<ContentView> {
  const newest = ({ versions }: ContentView): ContentVersionView | undefined => versions[0];
  return {
    header: [kind.toUpperCase(), 'VERSION', 'SIZE', 'STACK', 'USED BY', 'CREATED'],
    row: (content) => [
      content.name,
      String(newest(content)?.number ?? ''),
      bytes(newest(content)?.sizeBytes ?? 0),
      content.stack,
      [...new Set(content.versions.flatMap(({ usedBy }) => usedBy))].join(', '),
      age(newest(content)?.createdAt ?? now, now),
    ],
    wideHeader: ['KEPT'],
    wideRow: ({ versions }) => [versions.map(({ number }) => number).join(', ')],
    name: ({ name }) => name,
    empty: `there is no ${kind}; \`${kind}s:\` in a file, or gantry ${kind} create, makes one`,
  };
}

/** Text as text, anything else in base64. */
function contentOf(value: Uint8Array): object {
  try {
    return { content: new TextDecoder('utf-8', { fatal: true }).decode(value) };
  } catch {
    return { contentBase64: Buffer.from(value).toString('base64') };
  }
}

async function readInput({ stdin }: Io, kind: ContentKind): Promise<Buffer> {
  if (stdin.isTTY === true)
    throw new GantryError('invalid', `what should be in the ${kind}?`, {
      hint: `name a file, or pipe it: … | gantry ${kind} create NAME -`,
    });
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stdin) {
    parts.push(Buffer.from(part as Buffer));
    length += parts.at(-1)?.length ?? 0;
    // What is too large is refused by its size: the rest need not be read.
    if (length > maxContentBytes[kind]) break;
  }
  return Buffer.concat(parts);
}

/** No more of the file than is too much. Throws `invalid` if it cannot be read. */
async function readWhole(path: string, kind: ContentKind): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const buffer = Buffer.alloc(maxContentBytes[kind] + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < buffer.length; length += read)
        ({ bytesRead: read } = await file.read(buffer, length));
      return buffer.subarray(0, length);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new GantryError('invalid', `${path} cannot be read`, { cause });
  }
}

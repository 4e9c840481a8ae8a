import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '@gantry/kit/errors';
import type { UserLookup } from './images.ts';

/** The largest id (CVE-2024-40635: greater ones wrapped around to root). */
const maxId = 2 ** 31 - 1;
const maxFileBytes = 1 << 20;

/** `user[:group]`, each a name in the image or a number. */
export const lookUpUser: UserLookup = async (rootfs, user, more = []) => {
  const [name = '', groupName] = user.split(':');
  const passwd = await readTable(rootfs, 'passwd');
  const groups = await readTable(rootfs, 'group');
  const entry = passwd.find(([login, , uid]) => (isNumber(name) ? uid === name : login === name));
  const uid = name === '' ? 0 : (numeric(name) ?? numeric(entry?.[2]));
  if (uid === undefined) throw unknown('user', name);
  const gid = groupName === undefined ? (numeric(entry?.[3]) ?? 0) : groupId(groups, groupName);
  const login = entry?.[0] ?? '';
  const member = groups.filter(([, , , members = '']) => login !== '' && members.split(',').includes(login));
  const additionalGids = groupName === undefined ? member.flatMap(([, , id]) => numeric(id) ?? []) : [];
  const asked = more.map((group) => groupId(groups, group));
  return { uid, gid, additionalGids: [...new Set([...additionalGids, ...asked])] };
};

function groupId(groups: readonly (readonly string[])[], name: string): number {
  const entry = groups.find(([group]) => group === name);
  const gid = numeric(name) ?? numeric(entry?.[2]);
  if (gid === undefined) throw unknown('group', name);
  return gid;
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function numeric(text: string | undefined): number | undefined {
  if (text === undefined || !isNumber(text)) return undefined;
  const id = Number(text);
  if (id > maxId) throw new GantryError('invalid', `${text} is not an id: the largest is ${maxId}`);
  return id;
}

function unknown(what: string, name: string): GantryError {
  return new GantryError('invalid', `the image has no ${what} "${name}"`, {
    hint: `use a number, or a ${what} of the image`,
  });
}

/** Lines of /etc/NAME in the image, as fields. A symlink is not followed: it could lead out of the image. */
async function readTable(rootfs: string, name: string): Promise<readonly (readonly string[])[]> {
  const file = await open(join(rootfs, 'etc', name), constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    () => undefined,
  );
  if (!file) return [];
  try {
    const buffer = Buffer.alloc(Math.min((await file.stat()).size, maxFileBytes));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    return lines.map((line) => line.split(':'));
  } finally {
    await file.close();
  }
}

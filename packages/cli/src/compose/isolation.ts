import type { Node } from 'yaml';
import { profiles, type DeviceMapping, type Isolation, type Profile } from '@gantry/model/isolation';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { defined, some, someOf } from './units.ts';
import { integer, pairs, texts, word } from './values.ts';

/** What parts the container from its host: `privileged`, `security_opt`, `devices`, `sysctls` …; undefined for the default. */
export function readIsolation(doc: ComposeDocument, node: Node | undefined): Isolation | undefined {
  const get = (key: string): Node | undefined => doc.get(node, key);
  refuseShared(doc, get);
  const isolation: Isolation = defined({
    profile: readProfile(doc, node),
    ...readSecurityOptions(doc, get('security_opt')),
    groups: some(texts(doc, get('group_add'), 'group_add')),
    sysctls: someOf(readSysctls(doc, get('sysctls'))),
    devices: some(doc.items(get('devices'), 'devices').flatMap((item) => readDevice(doc, item))),
    userns: readUserns(doc, get('userns_mode')),
    oomScoreAdj: integer(doc, get('oom_score_adj'), 'oom_score_adj'),
  });
  return someOf(isolation);
}

/** `x-gantry: {profile: …}`; `privileged: true` is Compose's word for one of them. */
function readProfile(doc: ComposeDocument, node: Node | undefined): Profile | undefined {
  const at = doc.get(node, 'x-gantry', 'profile');
  const profile = word(doc, at, 'profile', profiles);
  if (!doc.boolean(doc.get(node, 'privileged'), 'privileged')) return profile;
  if (profile !== undefined && profile !== 'privileged')
    doc.problem(at, `the service is privileged, and its profile is ${profile}`, 'leave one of them out');
  return 'privileged';
}

const sharing = { ipc: 'memory and IPC', cgroup: 'cgroup namespace' } as const;

/** Namespaces are always the container's own; a word that asks for anything else is refused. */
function refuseShared(doc: ComposeDocument, get: (key: string) => Node | undefined): void {
  for (const key of ['ipc', 'cgroup'] as const) {
    const text = doc.text(get(key), key);
    if (text === undefined || text === 'private') continue;
    if (key === 'ipc' && text === 'shareable')
      doc.notice(get(key), 'ipc shareable: no other container can share it; it is private');
    else
      doc.problem(
        get(key),
        `${key} "${text}" is not supported`,
        `every container has its own ${sharing[key]}`,
      );
  }
}

function readUserns(doc: ComposeDocument, node: Node | undefined): 'auto' | undefined {
  const text = doc.text(node, 'userns_mode');
  if (text === 'auto') return text;
  if (text !== undefined && text !== 'host')
    doc.problem(node, `userns_mode "${text}" is not known`, 'use host (the default) or auto');
  return undefined;
}

/** `no-new-privileges:false`, `seccomp:unconfined`, `apparmor:NAME`, `systempaths=unconfined`; with `:` or `=`. */
function readSecurityOptions(doc: ComposeDocument, node: Node | undefined): Partial<Isolation> {
  return Object.assign({}, ...doc.items(node, 'security_opt').map((item) => readOption(doc, item))) as object;
}

function readOption(doc: ComposeDocument, node: Node): Partial<Isolation> {
  const text = doc.text(node, 'an entry of security_opt') ?? '';
  const [, name = '', value = ''] = /^([^:=]*)[:=]?(.*)$/.exec(text) ?? [];
  switch (name) {
    case 'no-new-privileges':
      if (['', 'true', 'false'].includes(value)) return { noNewPrivileges: value !== 'false' };
      break;
    case 'seccomp':
      if (value === 'unconfined') return { seccomp: value };
      doc.problem(
        node,
        'a seccomp profile of your own is not supported',
        'use the default, or seccomp:unconfined',
      );
      return {};
    case 'systempaths':
      if (value === 'unconfined') return { systemPaths: value };
      break;
    case 'apparmor':
      if (value === 'unconfined') return {};
      if (value !== '') return { appArmor: value };
      break;
    case 'label':
      if (value === 'disable') return {};
      doc.problem(node, 'labels of SELinux are not supported', 'leave them out, or write label:disable');
      return {};
  }
  doc.problem(
    node,
    `security_opt "${text}" is not known`,
    'use no-new-privileges, seccomp, apparmor or systempaths',
  );
  return {};
}

function readSysctls(doc: ComposeDocument, node: Node | undefined): Record<string, string> {
  return Object.fromEntries(pairs(doc, node, 'sysctls').map(([name, value]) => [name, value ?? '']));
}

/** `/dev/x`, `/dev/x:/dev/y`, `/dev/x:/dev/y:rw`, or a map. */
function readDevice(doc: ComposeDocument, node: Node): readonly DeviceMapping[] {
  if (doc.isMap(node)) {
    checkKeys(doc, node, 'devices', 'a device');
    const text = (key: string): string | undefined => doc.text(doc.get(node, key), key);
    const source = text('source') ?? '';
    return [{ source, target: text('target') ?? source, permissions: text('permissions') ?? 'rwm' }];
  }
  const text = doc.text(node, 'a device');
  if (text === undefined) return [];
  if (!text.startsWith('/')) {
    doc.problem(node, `device "${text}" is not a path`, 'name it by its path; CDI names are not supported');
    return [];
  }
  const [source = '', second = source, third = 'rwm', more] = text.split(':');
  // `/dev/x:r` names no path in the container.
  const short = !second.startsWith('/') && text.split(':').length === 2;
  if (more !== undefined) doc.problem(node, `device "${text}" is not understood`, 'write SOURCE:TARGET:rwm');
  return [
    short ? { source, target: source, permissions: second } : { source, target: second, permissions: third },
  ];
}

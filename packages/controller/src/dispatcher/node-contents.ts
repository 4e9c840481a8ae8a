import { GantryError } from '@gantry/kit/errors';
import { payloadId, versionId, type ContentKind } from '@gantry/model/content';
import { isTerminal } from '@gantry/model/task';
import type { FetchContentRequest } from '@gantry/proto/gen/gantry/v1/agent';
import type { Vault } from '../secrets/vault.ts';
import type { View } from '../store/store.ts';

type Asked = Pick<FetchContentRequest, 'taskId' | 'kind' | 'name' | 'number'>;

/**
 * The bytes of a config or secret, if a task that this node should run has that very version: no other node gets them. Throws
 * `not_allowed` else, `not_found` for bytes that are gone, and what the vault throws.
 */
export function contentFor(view: View, vault: Pick<Vault, 'open'>, nodeId: string, asked: Asked): Buffer {
  const { kind, name, number } = asked;
  const task = view.get('task', asked.taskId);
  const wanted = task?.nodeId === nodeId && task.desired === 'running' && !isTerminal(task.status.state);
  const mounts = (wanted && view.get('revision', task.revisionId)?.container.contents) || [];
  const mount = mounts.find((one) => one.kind === kind && one.source === name && one.number === number);
  if (!mount)
    throw new GantryError('not_allowed', `no task of this host has ${kind} ${versionId(name, number)}`);
  const payload = view.get('payload', payloadId({ kind: kind as ContentKind, name, number }));
  if (!payload)
    throw new GantryError('not_found', `${kind} ${versionId(name, number)} is not there any more`);
  return payload.of === 'secret' ? vault.open(payload) : Buffer.from(payload.data, 'base64');
}

import type { EndpointAssignment } from '@gantry/model/assignment';
import { afterChange } from '@gantry/model/endpoint-change';
import type { ServiceId } from '@gantry/model/ids';
import { decodeRound } from '@gantry/proto/endpoint-round';
import * as toModel from '@gantry/proto/to-model';

export type Endpoints = ReadonlyMap<ServiceId, EndpointAssignment>;

/** The endpoints after one round of changes, as the controller encoded it; what did not change stays the same object. */
export type ReadEndpoints = (before: Endpoints, round: Uint8Array) => Endpoints;

export const readEndpoints: ReadEndpoints = (before, round) => {
  const { complete, put, removed, changed } = decodeRound(round);
  const after = new Map(complete ? [] : before);
  for (const id of removed) after.delete(id);
  for (const endpoint of put) after.set(endpoint.serviceId, toModel.endpoint(endpoint));
  for (const change of changed) {
    const known = after.get(change.serviceId);
    if (known) after.set(change.serviceId, afterChange(known, toModel.backendChange(change)));
  }
  return after;
};

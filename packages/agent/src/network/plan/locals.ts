import type { PeerAssignment } from '@gantry/model/assignment';
import { reachesOutside } from '@gantry/model/network';
import type { PortSpec } from '@gantry/model/service';
import type { Attachment, TaskNetworking } from '../network.ts';
import { parseCidr } from '@gantry/model/addresses';
import { marks, namesOf, numberOf, tunnelAddress, tunnelMac, underlayAddress } from './address-plan.ts';
import { putPort } from './balancing.ts';
import { ElementList, type Elements } from './elements.ts';
import { table } from './ruleset.ts';
import { classCode, slotClass } from './slots.ts';

/** A container of this host, and what it is on; without networks until the controller's word of it is here. */
export interface Local {
  readonly attachment: Attachment;
  readonly task?: TaskNetworking;
}

/** What stands in the table for one container of this host. `combo` names the chains of its networks. */
export function localElements(
  { attachment, task }: Local,
  combo: string,
  mayPublish: (port: PortSpec) => boolean,
): Elements {
  const list = new ElementList();
  const { address, containerId, hostPorts } = attachment;
  list.put('own', `${address} . ${namesOf(containerId).link}`);
  list.put('hairpin', `${address} . ${address}`);
  if (task && !reachesOutside(task.networking)) list.put('inward', address);
  if (combo !== '') {
    list.put('ask', address, `jump ask_${combo}`);
    list.put('hear', address, `jump hear_${combo}`);
  }
  const code = String(classCode(slotClass(1, false)));
  for (const port of hostPorts) if (mayPublish(port)) putPort(list, port, code, [address]);
  return list.elements;
}

/** The chains of one combination of networks: who may be asked, and who is heard. None for none. */
export function comboChains(combo: string): ReadonlyMap<string, string> {
  if (combo === '') return new Map();
  const sets = combo.split('_').map((number) => `@net_${number}`);
  return new Map([
    [`ask_${combo}`, chainText(`ask_${combo}`, sets, 'ip daddr')],
    [`hear_${combo}`, chainText(`hear_${combo}`, sets, 'ip saddr')],
  ]);
}

function chainText(name: string, sets: readonly string[], what: string): string {
  const rules = sets.map((set) => `add rule ${table} ${name} ${what} ${set} accept`);
  return [`add chain ${table} ${name}`, ...rules].join('\n');
}

export function networkSet(number: number): string {
  return `net_${number}`;
}

export interface PeerEnv {
  readonly containerPool: string;
  /** Addresses that are closed to containers, whatever their networks: the controllers'. */
  readonly guarded: readonly string[];
  /** Packets of other hosts come by the encrypted underlay only. */
  readonly encrypted: boolean;
}

/** What stands in the table for the other hosts. */
export function peerElements(peers: readonly PeerAssignment[], env: PeerEnv): Elements {
  const list = new ElementList();
  for (const address of env.guarded) list.put('guarded', address);
  for (const peer of peers) {
    const number = numberOf(peer.subnet);
    const mac = tunnelMac(peer.subnet);
    list.put('guarded', peer.address);
    for (const outer of outerAddresses(peer, env))
      list.put('peer_outer', `${outer} . ${subnetPrefix(peer.subnet)}`);
    list.put('peer_host', tunnelAddress(peer.subnet));
    if (peer.sourceNat) list.put('peer_nat', peer.subnet);
    list.put('peer_mark', mac, `0x${(marks.peer + number).toString(16)}`);
    list.put('peer_zone', mac, String(number));
  }
  return list.elements;
}

/** Where a peer's tunnel packets may come from. */
function outerAddresses(peer: PeerAssignment, { encrypted }: PeerEnv): readonly string[] {
  if (!encrypted) return [peer.address];
  return (peer.keys ?? []).map(({ generation }) => underlayAddress(peer.subnet, generation));
}

/** The first 24 bits of a subnet: they are in its addresses, and in its tunnel's MAC. */
function subnetPrefix(subnet: string): string {
  return `0x${(parseCidr(subnet).first >>> 8).toString(16).padStart(6, '0')}`;
}

import { FakeNetwork, type Asker } from './fake.ts';
import { networkContract } from './network.contract.ts';
import { AddressBook } from './plan/address-book.ts';

let [now, book] = [0, new AddressBook()];
const served = new Set<string>();
let last: FakeNetwork | undefined;

networkContract('fake', {
  address: '10.208.0.11',
  open: () => {
    last = new FakeNetwork(() => now, book);
    return Promise.resolve(last);
  },
  later: (ms) => (now += ms),
  serve: ({ containerId }) => Promise.resolve(void served.add(containerId)),
  ask: (network, from: Asker, to, port, protocol = 'tcp') =>
    Promise.resolve(network instanceof FakeNetwork ? network.reach(from, to, { port, protocol }) : 'no fake'),
  traces: async () => {
    const left = (await last?.attached()) ?? [];
    book = new AddressBook();
    return left.map(({ containerId }) => containerId);
  },
});

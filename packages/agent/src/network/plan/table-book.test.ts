import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anEndpoint, aPeer } from '../../../../../tests/support/networks.ts';
import {
  aLocal,
  aPort,
  nothing,
  someInput,
  testConfig,
} from '../../../../../tests/support/network-inputs.ts';
import { NftModel } from '../../../../../tests/support/nft-model.ts';
import { TableBook } from './table-book.ts';

test('any way of changes leads to a table that nft takes, and to the same one as making it at once', () => {
  fc.assert(
    fc.property(fc.array(someInput, { minLength: 1, maxLength: 6 }), (inputs) => {
      const [book, model] = [new TableBook(testConfig), new NftModel()];
      model.run(book.whole(nothing).text);
      for (const input of inputs) model.run(book.change(input).text);
      const last = inputs.at(-1) ?? nothing;
      const fresh = new NftModel();
      fresh.run(new TableBook(testConfig).whole(last).text);
      expect(model.elements(/^(vip|port|hairpin|own|inward|peer|guarded)/)).toEqual(
        fresh.elements(/^(vip|port|hairpin|own|inward|peer|guarded)/),
      );
      expect(model.reach(last)).toEqual(fresh.reach(last));
    }),
    { numRuns: 100 },
  );
});

test('nothing to change is no transaction', () => {
  const book = new TableBook(testConfig);
  const input = { ...nothing, locals: [aLocal(2, ['front'])], peers: [aPeer(2, '10.208.0.12')] };
  book.whole(input);
  expect(book.change(input).text).toBe('');
});

test('a change of one service says nothing of the others', () => {
  const endpoints = Array.from({ length: 200 }, (_, id) =>
    anEndpoint(`svc${id}`, `10.211.1.${id}`, [{ taskId: `t${id}`, address: `10.210.2.${id}` }]),
  );
  const book = new TableBook(testConfig);
  book.whole({ ...nothing, endpoints });
  const after = endpoints.map((one, id) => (id === 77 ? { ...one, backends: [] } : one));
  const { text, left } = book.change({ ...nothing, endpoints: after });
  expect(text.split('\n').filter(Boolean)).toHaveLength(2);
  expect(text).toContain('10.211.1.77');
  expect(left).toBe(true);
});

test('a port that two services want is with the first, and goes to the other when that lets go', () => {
  const one = anEndpoint('one', '10.211.0.1', [{ taskId: 'a', address: '10.210.2.2' }], {
    ports: [aPort(80)],
  });
  const two = anEndpoint('two', '10.211.0.2', [{ taskId: 'b', address: '10.210.2.3' }], {
    ports: [aPort(80)],
  });
  const [book, model] = [new TableBook(testConfig), new NftModel()];
  model.run(book.whole({ ...nothing, endpoints: [one, two] }).text);
  expect(model.get('port_slot', 'tcp . 80 . 0x67b00000')).toBe('10.210.2.2 . 80');
  model.run(book.change({ ...nothing, endpoints: [two] }).text);
  expect(model.get('port_slot', 'tcp . 80 . 0x67b00000')).toBe('10.210.2.3 . 80');
});

test('a backend of this host without a container is not led to', () => {
  const at = anEndpoint('one', '10.211.0.1', [{ taskId: 'a', address: '10.210.1.2' }]);
  const [book, model] = [new TableBook(testConfig), new NftModel()];
  model.run(book.whole({ ...nothing, endpoints: [at] }).text);
  expect(model.get('vip_size', '10.211.0.1')).toBeUndefined();
  model.run(book.change({ ...nothing, endpoints: [at], locals: [aLocal(2, [])] }).text);
  expect(model.get('vip_slot', '10.211.0.1 . 0x67b00000')).toBe('10.210.1.2');
  model.run(book.change({ ...nothing, endpoints: [at] }).text);
  expect(model.get('vip_size', '10.211.0.1')).toBeUndefined();
});

test('a transaction says whether flows may be on a wrong way: not when others come, or a TCP port opens', () => {
  const ports = [aPort(53, { protocol: 'udp' }), aPort(80)];
  const backends = (...lasts: readonly number[]) =>
    anEndpoint(
      'x',
      '',
      lasts.map((last) => ({ taskId: `t${last}`, address: `10.210.2.${last}` })),
    ).backends;
  const book = new TableBook(testConfig);
  const dns = (...lasts: readonly number[]) => ({
    ...anEndpoint('dns', '10.211.0.1', [], { ports }),
    backends: backends(...lasts),
  });
  const told = (endpoints: readonly ReturnType<typeof dns>[], more = {}) => {
    const { left, opened } = book.change({ ...nothing, endpoints, ...more });
    return { left, opened };
  };
  book.whole({ ...nothing, endpoints: [dns()] });
  expect(told([dns(2)])).toEqual({ left: false, opened: [53] });
  expect(told([dns(2, 3)])).toEqual({ left: false, opened: [] });
  expect(told([dns(3)])).toEqual({ left: true, opened: [] });
  expect(told([{ ...dns(), idle: ['10.210.2.3'] }])).toEqual({ left: true, opened: [] });
  expect(told([dns()]), 'its address may go to another').toEqual({ left: true, opened: [] });
  const local = aLocal(2, [], [aPort(5_353, { protocol: 'udp', mode: 'host' })]);
  expect(told([dns()], { locals: [local] }), 'a port of mode host').toEqual({ left: false, opened: [5_353] });
  expect(told([dns()])).toEqual({ left: true, opened: [] });
});

import { systemClock } from '@gantry/kit/clock';
import { FakeHost, FakeRuntime, type FakeScript } from './fake.ts';
import { runtimeContract } from './runtime.contract.ts';
import { aPlan } from '../../../../tests/support/plans.ts';

const host = new FakeHost();
const script: FakeScript = ({ argv: [program = '', code = ''] }) => {
  if (program === '/missing') return { fails: 'the image has no program /missing' };
  return program === '/exit' ? { exitsAfterMs: 0, exitCode: Number(code) } : {};
};

runtimeContract('fake', {
  open: () => Promise.resolve(new FakeRuntime(systemClock, host, script)),
  plan: (behaviour) => {
    if (behaviour === 'missing') return Promise.resolve(aPlan({ argv: ['/missing'] }));
    if (behaviour === 'stays') return Promise.resolve(aPlan({ argv: ['/stay'] }));
    return Promise.resolve(aPlan({ argv: ['/exit', String(behaviour.exits)] }));
  },
  traces: (id) => Promise.resolve(host.containers.has(id) ? [id] : []),
});

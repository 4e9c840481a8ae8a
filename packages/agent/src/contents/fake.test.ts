import { contentsContract } from './contents.contract.ts';
import { FakeContents } from './fake.ts';

let earlier = new FakeContents();

contentsContract('memory', {
  open: (fetch) => {
    const now = new FakeContents(fetch);
    for (const [taskId, files] of earlier.files) now.files.set(taskId, files);
    earlier = now;
    return now;
  },
  read: (contents, taskId, target) => {
    const bytes = contents instanceof FakeContents ? contents.files.get(taskId)?.get(target) : undefined;
    return bytes && Buffer.from(bytes).toString();
  },
});

import type { Node } from 'yaml';
import type { ContainerSpec } from '@gantry/model/service';
import type { ComposeDocument } from './document.ts';

/** `pull_policy:`. A tag is looked up when the file is applied, and never later: policies of time mean each apply. */
export function readPullPolicy(doc: ComposeDocument, node: Node | undefined): ContainerSpec['pullPolicy'] {
  const text = doc.text(node, 'pull_policy');
  switch (text) {
    case undefined:
      return undefined;
    case 'always':
    case 'missing':
    case 'never':
      return text;
    case 'if_not_present':
      return 'missing';
  }
  if (/^(daily|weekly|every_\d+[wdhms](\d+[dhms])*)$/.test(text)) {
    doc.notice(node, `pull_policy ${text}: the image is looked up at each apply`);
    return 'always';
  }
  const hint =
    text === 'build' ? 'build the image, and `gantry image load` it' : 'use always, missing or never';
  doc.problem(node, `pull_policy "${text}" is not ${text === 'build' ? 'supported' : 'known'}`, hint);
  return undefined;
}

import type { Node } from 'yaml';
import { defaultLogging, type LogSpec } from '@gantry/model/logging';
import { checkKeys } from './check-keys.ts';
import type { ComposeDocument } from './document.ts';
import { size, whole } from './values.ts';

/** Drivers whose logs can be read back, as all logs here: files on the host. */
const fileDrivers = ['json-file', 'local', 'k8s-file'];

/** `logging: { options: { max-size: 10m, max-file: 3 } }`; undefined if the service says nothing of it. */
export function readLogging(doc: ComposeDocument, service: Node | undefined): LogSpec | undefined {
  const node = doc.get(service, 'logging');
  if (node === undefined) return undefined;
  checkKeys(doc, node, 'logging', 'logging');
  checkDriver(doc, doc.get(node, 'driver'));
  const options = doc.get(node, 'options');
  checkKeys(doc, options, 'logging.options', 'logging.options');
  return {
    maxBytes: size(doc, doc.get(options, 'max-size'), 'max-size') ?? defaultLogging.maxBytes,
    maxFiles: whole(doc, doc.get(options, 'max-file'), 'max-file') ?? defaultLogging.maxFiles,
  };
}

function checkDriver(doc: ComposeDocument, node: Node | undefined): void {
  const driver = doc.text(node, 'driver');
  if (driver === undefined || fileDrivers.includes(driver)) return;
  doc.problem(
    node,
    `there is no logging driver "${driver}"`,
    'leave it out: each host keeps the logs in files, and `gantry logs` reads them',
  );
}

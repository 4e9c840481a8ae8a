import { request } from 'node:http';
import type { ProbeResult } from '../health.ts';

/** GET: 200 to 399 is well, also a redirect, which is not followed. The body is not read. Rejects if there is no answer. */
export function probeHttp(
  address: string,
  port: number,
  path: string,
  signal: AbortSignal,
): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: address,
        port,
        path,
        method: 'GET',
        agent: false,
        signal,
        headers: { 'user-agent': 'gantry-health' },
      },
      (response) => {
        const { statusCode = 0 } = response;
        response.destroy();
        resolve({
          ok: statusCode >= 200 && statusCode < 400,
          words: `HTTP ${statusCode} from :${port}${path}`,
        });
      },
    );
    call.on('error', (error) => reject(new Error(`GET :${port}${path}: ${error.message}`)));
    call.end();
  });
}

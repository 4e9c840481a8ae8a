import { ServerCredentials, type Server } from '@grpc/grpc-js';

/** Lets a server listen on this machine alone; answers with its address. */
export function listening(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    );
  });
}

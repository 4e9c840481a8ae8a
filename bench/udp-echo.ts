import { createSocket } from 'node:dgram';

/** What any server in Node takes: every datagram comes back as it is, from a process of its own; says its port. */
const socket = createSocket('udp4');
socket.on('message', (message, { port, address }) => socket.send(message, port, address));
socket.bind(0, '127.0.0.1', () => process.send?.({ port: socket.address().port }));
process.on('disconnect', () => socket.close());

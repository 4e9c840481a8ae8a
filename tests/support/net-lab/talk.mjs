// Small ends of conversations, run inside a network namespace: `serve NAME PORT`, `ask [--udp] [--from PORT] [--hold] [--times N] HOST PORT`.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [verb, ...args] = process.argv.slice(2);
if (verb === 'serve') serve(args[0], Number(args[1]));
else if (verb === 'ask') void ask(args);

/** Answers each line with its name and the client's address and port, over TCP and UDP. */
function serve(name, port) {
  const tcp = createServer((socket) => {
    const answer = `${name} ${socket.remoteAddress.replace('::ffff:', '')} ${socket.remotePort}\n`;
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(answer));
  });
  const udp = createSocket('udp4', (_, { address, port: from }) => {
    udp.send(`${name} ${address} ${from}\n`, from, address);
  });
  tcp.listen(port, '0.0.0.0', () => udp.bind(port, '0.0.0.0', () => process.stdout.write('ready\n')));
}

/** Prints one answer, `refused`, `unreachable` or `silence`. With --hold it asks again for each line of its input. */
async function ask(words) {
  const value = (flag) => (words.includes(flag) ? Number(words[words.indexOf(flag) + 1]) : undefined);
  const [host, port] = words.slice(-2);
  const hold = words.includes('--hold');
  if (words.includes('--udp')) return askUdp(host, Number(port), value('--from'), hold);
  for (let left = value('--times') ?? 1; left > 0; left--) {
    await askTcp(host, Number(port), value('--from'), hold);
  }
  process.exit(0);
}

function askTcp(host, port, localPort, hold) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localPort });
    const timer = setTimeout(() => end('silence'), 2500);
    socket.once('connect', () => socket.write('hello\n'));
    socket.on('data', (data) => {
      clearTimeout(timer);
      process.stdout.write(data);
      if (!hold) socket.end(resolve);
    });
    socket.on('error', ({ code }) => end(words[code] ?? code));
    if (hold) process.stdin.on('data', () => socket.write('again\n')).on('end', () => process.exit(0));
  });
}

function askUdp(host, port, localPort, hold) {
  const socket = createSocket('udp4');
  const timer = setTimeout(() => end('silence'), 1500);
  socket.on('message', (data) => {
    clearTimeout(timer);
    process.stdout.write(data);
    if (!hold) process.exit(0);
  });
  socket.on('error', ({ code }) => end(words[code] ?? code));
  socket.bind(localPort, () => socket.connect(port, host, () => socket.send('hello')));
  if (hold)
    process.stdin.on('data', () => socket.send('again', () => undefined)).on('end', () => process.exit(0));
}

const words = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EACCES: 'refused',
  EPERM: 'refused',
};

function end(word) {
  process.stdout.write(`${word}\n`);
  process.exit(0);
}

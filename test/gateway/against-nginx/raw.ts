import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** A backend that takes any bytes for a request, so that nothing is refused behind what is tried. */
export async function rawBackend() {
  const heads = new Map<string, string>();
  const server = createServer((socket) => {
    let head = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      heads.set(/\r\nx-id: *(\S+)/i.exec(head)?.[1] ?? '', head);
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, heads, stop: () => server.close() };
}

/** Sends bytes and reads the answer's status; 0 where the connection ends without one. */
export async function statusOf(port: number, bytes: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('error', () => undefined);
  // A request that the server takes for unfinished is not answered.
  socket.setTimeout(1_500, () => socket.destroy());
  socket.on('data', (piece) => {
    text += piece.toString('latin1');
    if (text.includes('\r\n\r\n')) socket.destroy();
  });
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
}

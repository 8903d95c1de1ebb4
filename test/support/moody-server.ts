import { createServer, request } from 'node:http';

export interface Mood {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the server behind would have said has happened all the same, only the answer is another. */
  readonly after?: true;
}

/** Stands before a real server and answers in its place what a test says; everything else goes through. */
export interface MoodyServer {
  readonly url: string;
  /** The answers to the next requests, in their order. */
  readonly moods: Mood[];
  /** When requests came, ms since the epoch, and what they were answered. */
  readonly answered: { readonly at: number; readonly status: number }[];
  close(): void;
}

export async function openMoodyServer(target: string): Promise<MoodyServer> {
  const moods: Mood[] = [];
  const answered: { at: number; status: number }[] = [];
  const server = createServer((incoming, outgoing) => {
    const at = Date.now();
    const mood = moods.shift();
    const answer = ({ status, body = '', headers = {} }: Mood) => {
      answered.push({ at, status });
      outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    };
    if (mood !== undefined && !mood.after) {
      incoming.resume().on('end', () => answer(mood));
      return;
    }
    const { url, method, headers } = incoming;
    const onward = request(`${target}${url}`, { method, headers }, (response) => {
      if (mood !== undefined) {
        response.resume().on('end', () => answer(mood));
        return;
      }
      answered.push({ at, status: response.statusCode! });
      outgoing.writeHead(response.statusCode!, response.headers);
      response.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    moods,
    answered,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

import { createServer, type ServerResponse } from 'node:http';
import { HeadwaterError } from '../../contract/index.ts';
import { type GatewayMetrics, gatewayMetrics } from './metrics.ts';
import type { Snapshot } from './snapshot.ts';

export interface HealthServer {
  /** Where it listens, such as `http://127.0.0.1:8790`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Who asks is a few scrapers and people. More than these would take memory and file descriptors that the readings need. */
const MAX_CONNECTIONS = 100;
const MAX_REQUESTS_EACH = 100;
/** For the whole of a request. */
const REQUEST_WITHIN_MS = 5_000;

/**
 * Serves `/health` (200, or 503 while devices are turned away; with reasons), `/status` (JSON) and `/metrics` (Prometheus).
 * @throws HeadwaterError `HTTP_PORT`
 */
export async function startHealthServer(options: {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly snapshot: () => Promise<Snapshot>;
  /** Told of a connection that could not be taken, as when there are no file descriptors left. */
  readonly onError: (error: Error) => void;
}): Promise<HealthServer> {
  // Watching the event loop and the garbage collector costs all the time: only where somebody asks.
  let metrics: GatewayMetrics | undefined;
  const limits = {
    requestTimeout: REQUEST_WITHIN_MS,
    headersTimeout: REQUEST_WITHIN_MS,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(limits, async (request, response) => {
    try {
      const snapshot = await options.snapshot();
      switch (request.url?.split('?')[0]) {
        case '/health':
          return json(response, snapshot.health.state === 'failing' ? 503 : 200, snapshot.health);
        case '/status': {
          const { status, forwarder, health, buffer, rules } = snapshot;
          return json(response, 200, { ...status, forwarder, health, lanes: buffer.lanes, rules });
        }
        case '/metrics':
          metrics ??= gatewayMetrics();
          response.setHeader('content-type', metrics.contentType);
          return void response.end(await metrics.render(snapshot));
        default:
          return json(response, 404, { error: 'there is /health, /status and /metrics' });
      }
    } catch (error) {
      json(response, 503, { state: 'failing', reasons: [(error as Error).message] });
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_EACH;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject);
  server.listen(options.port, options.host, resolve);
  await promise.catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EADDRINUSE' ? 'another program holds the port' : cause.message;
    const message = `the gateway cannot serve its health on ${options.host}:${options.port}: ${why}. Choose another http.port.`;
    throw new HeadwaterError('HTTP_PORT', message, { cause });
  });
  server.on('error', options.onError);
  const { port } = server.address() as { port: number };
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function json(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

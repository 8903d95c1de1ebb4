import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Everything comes from this server and nothing inline is run, so a hostile device name stays text even where a page forgot to escape it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** A server for the page's files, with the answers for everything else that may be asked of it. */
export function createServer(hosts: readonly string[]): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } });

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (!isOurs(request.hostname, hosts)) {
      return reply
        .code(421)
        .send(problem('HOST_UNKNOWN', `this page is not served under the name ${request.hostname}`));
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return reply.code(405).header('allow', 'GET, HEAD').send(problem('METHOD_REFUSED', 'the page only reads'));
    }
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error instanceof z.ZodError) {
      const wrong = error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
      return reply.code(400).send(problem('QUERY_INVALID', wrong));
    }
    return reply.code(error.statusCode ?? 500).send(problem('REQUEST_FAILED', error.message));
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send(problem('NOT_FOUND', `there is nothing at ${request.url.slice(0, 200)}`)),
  );
  app.register(fastifyStatic, { root: folder('./page'), cacheControl: false });
  const uplot = folder('../../node_modules/uplot/dist');
  app.get('/vendor/uplot.js', (_request, reply) => reply.sendFile('uPlot.esm.js', uplot));
  app.get('/vendor/uplot.css', (_request, reply) => reply.sendFile('uPlot.min.css', uplot));
  return app;
}

const problem = (code: string, message: string) => ({ error: { code, message } });

/**
 * Whether the page may be asked for under a name. Any other page in the user's browser could point a name of its own at this address
 * (DNS rebinding) and then read what it serves; an address or `localhost` cannot be taken over so.
 */
function isOurs(hostname: string, hosts: readonly string[]): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || isIP(bare) !== 0 || hosts.includes(bare);
}

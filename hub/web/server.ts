import type { IncomingMessage } from 'node:http';
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

/** The only addresses that take a POST. */
const WRITES = /^\/api\/alerting\//;
const MOST_BODY_BYTES = 16_384;

/** What a proxy adds to a request that it passes on. */
const PASSED_ON = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/**
 * A server for the page's files, with the answers for everything else that may be asked of it.
 * @param hosts names besides `localhost` and addresses under which it may be asked
 * @param proxyAsksForLogin whether changes are taken that a proxy on this machine passes on
 */
export function createServer(hosts: readonly string[], proxyAsksForLogin = false): FastifyInstance {
  const app = fastify({
    forceCloseConnections: true,
    bodyLimit: MOST_BODY_BYTES,
    routerOptions: { ignoreTrailingSlash: true },
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (!isOurs(request.hostname, hosts)) {
      return reply
        .code(421)
        .send(problem('HOST_UNKNOWN', `this page is not served under the name ${request.hostname}`));
    }
    if (request.method === 'GET' || request.method === 'HEAD') return;
    if (request.method !== 'POST' || !WRITES.test(request.url)) {
      return reply.code(405).header('allow', 'GET, HEAD').send(problem('METHOD_REFUSED', 'here the page only reads'));
    }
    const refused = writeRefused(request.raw, proxyAsksForLogin);
    if (refused !== undefined) return reply.code(403).send(problem('WRITE_REFUSED', refused));
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

/**
 * Why a request may not change anything; undefined where it may. Whoever is on this machine may; a proxy on it passes on what comes from anywhere. A page of another origin in the user's browser can have a
 * request sent, but not without the browser saying where it comes from, nor as JSON without asking first, which is never answered.
 */
function writeRefused({ headers, socket }: IncomingMessage, proxyAsksForLogin: boolean): string | undefined {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (!/^(::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? ''))
    return 'changes are taken from this machine only; open the page there, or through a tunnel to it';
  if (!proxyAsksForLogin && PASSED_ON.some((name) => name in headers))
    return 'changes are not taken through a proxy; where it asks for a login, set page.proxyAsksForLogin in the hub’s configuration';
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host))
    return 'changes are not taken from pages of another origin';
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return 'changes are not taken from pages of another origin';
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) return 'changes are sent as application/json';
  return undefined;
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

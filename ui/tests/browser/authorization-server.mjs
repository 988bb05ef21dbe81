// A service that signs people in (OAuth 2.0 with PKCE and rotating refresh tokens), with an API behind it. All its secrets hold the word "canary".
import { createHash } from 'node:crypto';
import { serve } from './stand-ins.mjs';

export const CLIENT = { id: 'client-of-hookmill', secret: 'canary-client-secret' };

const digest = (verifier) => createHash('sha256').update(verifier).digest('base64url');

/** The OpenAPI file of the API. */
export const notesDocument = (host) => ({
  swagger: '2.0',
  info: { title: 'Notes', version: '1.0', description: 'Notes of a team.' },
  host,
  basePath: '/',
  schemes: ['http'],
  securityDefinitions: {
    person: { type: 'oauth2', flow: 'accessCode', authorizationUrl: `http://${host}/authorize`, tokenUrl: `http://${host}/token`, scopes: { 'notes:read': 'Read notes', 'notes:write': 'Write notes' } },
  },
  paths: {
    '/notes': { get: { operationId: 'ListNotes', summary: 'List notes', parameters: [], responses: { 200: { description: 'Notes', schema: { type: 'array', items: { type: 'object', properties: { title: { type: 'string' } } } } } } } },
  },
});

export async function startAuthorizationServer() {
  const codes = new Map();
  const access = new Set();
  let refresh = null;
  let made = 0;
  /** The tokens that the API was called with. */
  const tokens = [];
  const consentPage = (query) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Notes</title>
    <h1>Notes</h1><p>Allow ${query.get('client_id')} to use ${query.get('scope')}?</p>
    ${['Allow', 'Decline'].map((word) => `<form action="/${word.toLowerCase()}"><input type="hidden" name="asked" value="${encodeURIComponent(query.toString())}"><button>${word}</button></form>`).join('')}</html>`;
  const back = (asked, answer) => {
    const url = new URL(asked.get('redirect_uri'));
    url.search = new URLSearchParams({ ...answer, state: asked.get('state') }).toString();
    return { status: 302, headers: { Location: url.href } };
  };
  const give = (form) => {
    if (form.get('client_id') !== CLIENT.id || form.get('client_secret') !== CLIENT.secret) return { status: 401, body: { error: 'invalid_client' } };
    if (form.get('grant_type') === 'authorization_code') {
      const asked = codes.get(form.get('code'));
      codes.delete(form.get('code'));
      if (!asked || digest(form.get('code_verifier') ?? '') !== asked.get('code_challenge') || form.get('redirect_uri') !== asked.get('redirect_uri')) return { status: 400, body: { error: 'invalid_grant' } };
    } else if (form.get('refresh_token') !== refresh) {
      return { status: 400, body: { error: 'invalid_grant', error_description: 'The access was withdrawn.' } };
    }
    made += 1;
    refresh = `canary-refresh-${made}`;
    access.add(`canary-access-${made}`);
    return { status: 200, body: { access_token: `canary-access-${made}`, token_type: 'Bearer', expires_in: 3_600, refresh_token: refresh } };
  };
  const service = await serve((call) => {
    const url = new URL(call.path, 'http://service');
    const asked = new URLSearchParams(decodeURIComponent(url.searchParams.get('asked') ?? ''));
    if (url.pathname === '/authorize') {
      const complete = url.searchParams.get('response_type') === 'code' && url.searchParams.get('code_challenge_method') === 'S256' && url.searchParams.get('client_id') === CLIENT.id;
      return { status: complete ? 200 : 400, headers: { 'Content-Type': 'text/html; charset=utf-8' }, html: complete ? consentPage(url.searchParams) : '<h1>The request is not complete</h1>' };
    }
    if (url.pathname === '/allow') {
      made += 1;
      codes.set(`canary-code-${made}`, asked);
      return back(asked, { code: `canary-code-${made}` });
    }
    if (url.pathname === '/decline') return back(asked, { error: 'access_denied' });
    if (url.pathname === '/token') return give(new URLSearchParams(call.body.toString()));
    if (url.pathname === '/notes') {
      const token = (call.headers.authorization ?? '').replace(/^Bearer /, '');
      tokens.push(token);
      return access.has(token) ? { status: 200, body: [{ title: 'Buy milk' }] } : { status: 401, body: { message: 'Who are you?' } };
    }
    return { status: 404, body: {} };
  });
  return {
    ...service,
    tokens,
    isGood: (token) => access.has(token),
    /** The person withdraws the access at the service. */
    withdraw() {
      access.clear();
      refresh = null;
    },
  };
}

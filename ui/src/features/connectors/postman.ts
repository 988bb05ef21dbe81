/** A Postman collection (format 2.0 or 2.1) as an OpenAPI document, so that everything after it is one way. No framework. */
import { isObject, type Json, type JsonObject } from '../../flow-model/definition';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];
/** Told by the body or by the security of the connector. */
const OWN_HEADERS = ['content-type', 'content-length', 'authorization', 'accept', 'host', 'user-agent'];

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : isObject(value) && typeof value['content'] === 'string' ? value['content'] : '');
const list = (value: Json | undefined): JsonObject[] => (Array.isArray(value) ? value.filter((item): item is JsonObject => isObject(item)) : []);
const enabled = (value: Json | undefined) => list(value).filter((item) => item['disabled'] !== true);

/** The schema that a sample value fits. */
function schemaOf(value: Json): JsonObject {
  if (Array.isArray(value)) return { type: 'array', items: value[0] === undefined ? {} : schemaOf(value[0]) };
  if (isObject(value)) return { type: 'object', properties: Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, schemaOf(inner)])) };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'integer' : 'number' };
  return value === null ? {} : { type: typeof value };
}

function sampleOf(raw: Json | undefined): Json | undefined {
  try {
    return JSON.parse(text(raw)) as Json;
  } catch {
    return undefined;
  }
}

interface Address {
  scheme: string;
  host: string;
  path: string;
  query: JsonObject[];
}

/** The address of a request. Variables that the collection does not define become parameters of the path. */
function addressOf(url: Json | undefined, variables: Map<string, string>): Address | null {
  const raw = isObject(url) ? text(url['raw']) : text(url);
  const filled = raw.replace(/\{\{([^}]+)\}\}/g, (whole, name: string) => variables.get(name.trim()) ?? whole);
  const [, scheme, host, rest] = /^(?:(https?):\/\/)?([^/?#]*)([^#]*)/i.exec(filled) ?? [];
  if (!host) return null;
  const [path = '', search = ''] = (rest ?? '').split('?');
  const named = path.split('/').map((part) => part.replace(/^:(.+)$/, '{$1}').replace(/\{\{([^}]+)\}\}/g, '{$1}')).join('/');
  const query = isObject(url) && url['query'] !== undefined ? enabled(url['query']) : [...new URLSearchParams(search)].map(([key, value]) => ({ key, value }));
  return { scheme: (scheme ?? 'https').toLowerCase(), host: host.includes('{{') ? '' : host, path: named.replace(/\/$/, '') || '/', query };
}

function bodyOf(body: Json | undefined): { parameters: JsonObject[]; consumes: string } {
  if (!isObject(body)) return { parameters: [], consumes: 'application/json' };
  const mode = text(body['mode']);
  if (mode === 'urlencoded' || mode === 'formdata') {
    const parameters = enabled(body[mode]).map((field) => ({ name: text(field['key']), in: 'formData', type: text(field['type']) === 'file' ? 'file' : 'string', ...(text(field['description']) ? { description: text(field['description']) } : {}) }));
    return { parameters, consumes: mode === 'urlencoded' ? 'application/x-www-form-urlencoded' : 'multipart/form-data' };
  }
  const sample = sampleOf(body['raw']);
  if (sample === undefined) return { parameters: text(body['raw']) ? [{ name: 'body', in: 'body', schema: { type: 'string' } }] : [], consumes: text(body['raw']) ? 'text/plain' : 'application/json' };
  return { parameters: [{ name: 'body', in: 'body', schema: schemaOf(sample) }], consumes: 'application/json' };
}

function securityOf(auth: Json | undefined): JsonObject {
  if (!isObject(auth)) return {};
  const setting = (kind: string, name: string) => {
    const held = auth[kind];
    return isObject(held) ? text(held[name]) : text(list(held).find((item) => item['key'] === name)?.['value']);
  };
  switch (auth['type']) {
    case 'basic': return { basic: { type: 'basic' } };
    case 'bearer': return { token: { type: 'apiKey', in: 'header', name: 'Authorization' } };
    case 'apikey': return { key: { type: 'apiKey', in: setting('apikey', 'in') === 'query' ? 'query' : 'header', name: setting('apikey', 'key') || 'X-API-Key' } };
    case 'oauth2': return { oauth: { type: 'oauth2', flow: 'accessCode', authorizationUrl: setting('oauth2', 'authUrl'), tokenUrl: setting('oauth2', 'accessTokenUrl'), scopes: {} } };
    default: return {};
  }
}

/** Null when it is no collection. Requests to another host than the first, and second ones of the same path, are left out and counted. */
export function fromPostman(parsed: unknown): { document: JsonObject; leftOut: number } | null {
  const whole = parsed as Json;
  // The API of Postman puts the collection into a member of this name.
  const collection = isObject(whole) && isObject(whole['collection']) ? whole['collection'] : whole;
  if (!isObject(collection) || !isObject(collection['info']) || !Array.isArray(collection['item'])) return null;
  const variables = new Map(list(collection['variable']).map((item) => [text(item['key']), text(item['value'])]));
  const paths: JsonObject = {};
  const ids = new Set<string>();
  let leftOut = 0;
  let place: Address | null = null;
  const take = (item: JsonObject) => {
    if (Array.isArray(item['item'])) {
      list(item['item']).forEach(take);
      return;
    }
    const held = item['request'];
    const request: JsonObject | null = typeof held === 'string' ? { url: held } : isObject(held) ? held : null;
    const address = request && addressOf(request['url'], variables);
    const method = (text(request?.['method']) || 'GET').toLowerCase();
    if (place === null && address?.host) place = address;
    const at = address ? ((paths[address.path] as JsonObject | undefined) ?? {}) : {};
    if (!request || !address || !METHODS.includes(method) || (place && address.host && address.host !== place.host) || at[method] !== undefined) {
      leftOut += 1;
      return;
    }
    const name = text(item['name']) || `${method} ${address.path}`;
    const base = name.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) => (next ?? '').toUpperCase()) || 'Operation';
    let id = base;
    for (let number = 2; ids.has(id); number += 1) id = `${base}${number}`;
    ids.add(id);
    const { parameters, consumes } = bodyOf(request['body']);
    const answer = list(item['response']).find((response) => Number(response['code']) < 300);
    const answered = sampleOf(answer?.['body']);
    at[method] = {
      operationId: id,
      summary: name,
      ...(text(request['description']) ? { description: text(request['description']) } : {}),
      consumes: [consumes],
      parameters: [
        ...[...address.path.matchAll(/\{([^}]+)\}/g)].map(([, parameter]) => ({ name: parameter ?? '', in: 'path', required: true, type: 'string' })),
        ...address.query.map((query) => ({ name: text(query['key']), in: 'query', type: 'string', ...(text(query['description']) ? { description: text(query['description']) } : {}) })),
        ...enabled(request['header']).filter((header) => !OWN_HEADERS.includes(text(header['key']).toLowerCase())).map((header) => ({ name: text(header['key']), in: 'header', type: 'string' })),
        ...parameters,
      ],
      responses: { [String(answer?.['code'] ?? 200)]: { description: text(answer?.['name']) || 'OK', ...(answered === undefined ? {} : { schema: schemaOf(answered) }) } },
    };
    paths[address.path] = at;
  };
  list(collection['item']).forEach(take);
  const found = place as Address | null;
  const info = collection['info'];
  const security = securityOf(collection['auth']);
  return {
    document: {
      swagger: '2.0',
      info: { title: text(info['name']) || 'Connector', description: text(info['description']), version: '1.0' },
      host: found?.host ?? '',
      basePath: '/',
      schemes: [found?.scheme ?? 'https'],
      consumes: ['application/json'],
      produces: ['application/json'],
      securityDefinitions: security,
      security: Object.keys(security).map((name) => ({ [name]: [] })),
      paths,
    },
    leftOut,
  };
}

import { describe, expect, it } from 'vitest';
import { fromPostman } from '../../src/features/connectors/postman';

const request = (method: string, raw: string, more: object = {}) => ({ method, url: { raw }, ...more });
const collection = (item: object[], more: object = {}) => ({ info: { name: 'Board', schema: 'v2.1.0' }, variable: [{ key: 'base', value: 'https://board.example/v1' }], item, ...more });
const pathsOf = (made: ReturnType<typeof fromPostman>) => made?.document['paths'] as { [path: string]: { [method: string]: { operationId: string; parameters: { name: string; in: string; schema?: object }[]; responses: { [status: string]: { schema?: object } } } } };

describe('a Postman collection', () => {
  it('becomes operations with parameters of path, query, header and body', () => {
    const made = fromPostman(
      collection([
        { name: 'Cards', item: [{ name: 'Create a card', request: request('POST', '{{base}}/lists/:list/cards?notify=yes', { header: [{ key: 'X-Board', value: '1' }, { key: 'Authorization', value: 'x' }], body: { mode: 'raw', raw: '{"title":"a","tags":["x"],"rank":1.5}' } }), response: [{ name: 'Made', code: 201, body: '{"id":7}' }] }] },
        { name: 'Get', request: '{{base}}/cards/{{card}}' },
      ]),
    );
    expect(made?.document).toMatchObject({ host: 'board.example', schemes: ['https'], info: { title: 'Board' } });
    const create = pathsOf(made)['/v1/lists/{list}/cards']?.['post'];
    expect(create?.parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).toEqual(['path list', 'query notify', 'header X-Board', 'body body']);
    expect(create?.parameters.at(-1)?.schema).toEqual({ type: 'object', properties: { title: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } }, rank: { type: 'number' } } });
    expect(create?.responses['201']?.schema).toEqual({ type: 'object', properties: { id: { type: 'integer' } } });
    expect(pathsOf(made)['/v1/cards/{card}']?.['get']?.operationId).toBe('Get');
    expect(made?.leftOut).toBe(0);
  });

  it('leaves out what one connector cannot hold, and counts it', () => {
    const made = fromPostman(collection([
      { name: 'One', request: request('GET', '{{base}}/a') },
      { name: 'One again', request: request('GET', '{{base}}/a') },
      { name: 'Elsewhere', request: request('GET', 'https://other.example/b') },
      { name: 'Nothing' },
    ]));
    expect(Object.keys(pathsOf(made))).toEqual(['/v1/a']);
    expect(made?.leftOut).toBe(3);
  });

  it.each([
    [{ type: 'basic' }, { basic: { type: 'basic' } }],
    [{ type: 'bearer' }, { token: { type: 'apiKey', in: 'header', name: 'Authorization' } }],
    [{ type: 'apikey', apikey: [{ key: 'key', value: 'X-Key' }, { key: 'in', value: 'query' }] }, { key: { type: 'apiKey', in: 'query', name: 'X-Key' } }],
    [{ type: 'hawk' }, {}],
  ])('keeps how callers prove who they are: %j', (auth, expected) => {
    expect(fromPostman(collection([], { auth }))?.document['securityDefinitions']).toEqual(expected);
  });

  it('is told from other files', () => {
    for (const other of [null, 7, [], {}, { swagger: '2.0', info: {}, paths: {} }]) expect(fromPostman(other)).toBeNull();
  });
});

/** The parts of a webhook's declarations, each with an example that the server takes. No framework. */
import type { Json } from '../../api/types';

export interface Part {
  name: string;
  example: Json;
}

export const PARTS: Part[] = [
  {
    name: 'x-hookmill-verification',
    example: {
      scheme: 'hmac',
      hash: 'sha256',
      content: '{header:X-Time}.{body}',
      signature: { from: 'header:X-Signature', prefix: 'v1=', encoding: 'hex' },
      timestamp: { from: 'header:X-Time', format: 'unix', past: 'PT5M', future: 'PT5M' },
    },
  },
  {
    name: 'x-hookmill-handshake',
    example: [{ when: { method: 'GET', 'query:challenge': '*' }, reply: { status: 200, contentType: 'text/plain', body: '{query:challenge}' } }],
  },
  { name: 'x-hookmill-registration', example: { secret: { generate: { bytes: 32, encoding: 'hex' }, into: 'body:/secret' } } },
  { name: 'x-hookmill-dedupe', example: { key: '{header:X-Delivery-Id}', window: 'P3D' } },
  { name: 'x-hookmill-ping', example: [{ 'header:X-Event': 'ping' }] },
  { name: 'x-hookmill-reply', example: { status: 200, contentType: 'application/json', body: '{}' } },
  { name: 'x-hookmill-renewal', example: { expires: 'registration:/expires_at', before: 'PT8H', by: 'recreate' } },
  {
    name: 'x-hookmill-recovery',
    example: {
      list: { operationId: 'ListDeliveries', parameters: { hook_id: '{registration:/id}' }, items: '', time: '/delivered_at', failed: { '/status_code': '0|4*|5*' }, id: '/id', key: '/guid' },
      redeliver: { operationId: 'RedeliverDelivery', parameters: { delivery_id: '{item:/id}' } },
    },
  },
];

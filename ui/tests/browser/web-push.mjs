// The browser's half of Web Push: keys, opening a message (RFC 8291 in the coding of RFC 8188), the sender's proof (RFC 8292).
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto';

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

export function makeKeys() {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  const auth = randomBytes(16);
  return { pair, auth, p256dh: base64url(pair.getPublicKey()), authText: base64url(auth) };
}

export function openMessage(keys, body) {
  const salt = body.subarray(0, 16);
  const idLength = body[20];
  const sender = body.subarray(21, 21 + idLength);
  const sealed = body.subarray(21 + idLength);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.pair.getPublicKey(), sender]);
  const secret = Buffer.from(hkdfSync('sha256', keys.pair.computeSecret(sender), keys.auth, info, 32));
  const key = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: aes128gcm\0', 16));
  const nonce = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: nonce\0', 12));
  const cipher = createDecipheriv('aes-128-gcm', key, nonce);
  cipher.setAuthTag(sealed.subarray(-16));
  const plain = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
  return plain.subarray(0, plain.lastIndexOf(2)).toString('utf8');
}

/** Throws when the header does not prove a sender whose message is meant for this push service. */
export function checkVapid(authorization, audience) {
  const [, token, point] = /^vapid t=([^,]+), ?k=(.+)$/.exec(authorization ?? '') ?? [];
  if (!token) throw new Error(`not a VAPID header: ${authorization}`);
  const bytes = Buffer.from(point, 'base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: base64url(bytes.subarray(1, 33)), y: base64url(bytes.subarray(33, 65)) } });
  const [head, body, signature] = token.split('.');
  if (!verify('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))) throw new Error('the VAPID signature is wrong');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  if (claims.aud !== audience) throw new Error(`the VAPID audience is ${claims.aud}`);
}

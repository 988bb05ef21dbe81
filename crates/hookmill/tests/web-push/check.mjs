// Decrypts a web push message (RFC 8291) with http_ece and verifies its VAPID signature (RFC 8292) with Node's crypto.
//
//   node check.mjs keys                → {"p256dh","auth","private"}: a browser's subscription keys
//   node check.mjs open < {…}          → {"payload","claims"}; {private,auth,body (base64),authorization} on standard input
import crypto from "node:crypto";
import ece from "http_ece";

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

function keys() {
  const pair = crypto.createECDH("prime256v1");
  pair.generateKeys();
  return { p256dh: base64url(pair.getPublicKey()), auth: base64url(crypto.randomBytes(16)), private: base64url(pair.getPrivateKey()) };
}

function claims(authorization) {
  const found = /^vapid t=([^,]+), ?k=(.+)$/.exec(authorization);
  if (!found) throw new Error(`not a VAPID header: ${authorization}`);
  const [head, body, signature] = found[1].split(".");
  const point = Buffer.from(found[2], "base64url");
  const key = crypto.createPublicKey({
    format: "jwk",
    key: { kty: "EC", crv: "P-256", x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33, 65)) },
  });
  const signed = Buffer.from(`${head}.${body}`);
  const valid = crypto.verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, Buffer.from(signature, "base64url"));
  if (!valid) throw new Error("the VAPID signature is wrong");
  return { ...JSON.parse(Buffer.from(body, "base64url").toString()), key: found[2] };
}

function open(given) {
  const receiver = crypto.createECDH("prime256v1");
  receiver.setPrivateKey(Buffer.from(given.private, "base64url"));
  const plain = ece.decrypt(Buffer.from(given.body, "base64"), {
    version: "aes128gcm",
    privateKey: receiver,
    authSecret: given.auth,
  });
  return { payload: JSON.parse(plain.toString("utf8")), claims: claims(given.authorization) };
}

const chunks = [];
if (process.argv[2] === "open") for await (const chunk of process.stdin) chunks.push(chunk);
const answer = process.argv[2] === "open" ? open(JSON.parse(Buffer.concat(chunks).toString())) : keys();
process.stdout.write(JSON.stringify(answer));

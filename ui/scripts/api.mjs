/** Writes src/api/schema.d.ts from openapi.json, the document that the server makes from its code; `--check` only compares. */
import fs from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const file = (path) => new URL(`../${path}`, import.meta.url);
const SAYS_WHAT = ['$ref', 'type', 'enum', 'const', 'oneOf', 'anyOf', 'allOf', 'properties'];
const saysNothing = (schema) => !SAYS_WHAT.some((word) => word in schema);
const named = (name) => ts.factory.createTypeReferenceNode(name);

const nodes = await openapiTS(file('openapi.json'), {
  defaultNonNullable: false,
  inject: "import type { Json, JsonObject } from './types';\n",
  transform(schema) {
    if (schema.format === 'binary') return named('Blob');
    // A schema that says nothing is any JSON; an object without members is any object.
    if (saysNothing(schema)) return named('Json');
    const kinds = [schema.type].flat();
    const orNull = (node) => (kinds.includes('null') ? ts.factory.createUnionTypeNode([node, ts.factory.createLiteralTypeNode(ts.factory.createNull())]) : node);
    if (kinds.includes('object') && !schema.properties && !schema.additionalProperties) return orNull(named('JsonObject'));
    if (kinds.includes('array') && saysNothing(schema.items ?? {})) return orNull(ts.factory.createArrayTypeNode(named('Json')));
    return undefined;
  },
});
// An answer whose schema says nothing is not shown to `transform`.
const text = astToString(nodes).replaceAll('"application/json": unknown', '"application/json": Json');
const made = `// Made by \`npm run api\` from openapi.json. Do not edit.\n${text}`;
const target = file('src/api/schema.d.ts');
if (process.argv.includes('--check')) {
  const kept = fs.existsSync(target) ? fs.readFileSync(target, 'utf8') : '';
  if (kept !== made) {
    console.error('src/api/schema.d.ts is not what openapi.json says: run `npm run api`.');
    process.exit(1);
  }
} else {
  fs.writeFileSync(target, made);
}

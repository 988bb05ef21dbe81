/** How an HTTP action shows who it is: the kinds, their members, and which of them are secret. */
import { freeName, isObject, withValueAt, type Json, type JsonObject } from './definition';

export interface AuthenticationMember {
  name: string;
  secret?: boolean;
  required?: boolean;
}
export interface AuthenticationKind {
  type: string;
  members: readonly AuthenticationMember[];
}

export const AUTHENTICATION_KINDS: readonly AuthenticationKind[] = [
  { type: 'Basic', members: [{ name: 'username', required: true }, { name: 'password', secret: true, required: true }] },
  { type: 'ClientCertificate', members: [{ name: 'pfx', secret: true, required: true }, { name: 'password', secret: true }] },
  {
    type: 'ActiveDirectoryOAuth',
    members: [{ name: 'authority' }, { name: 'tenant', required: true }, { name: 'audience', required: true }, { name: 'clientId', required: true }, { name: 'secret', secret: true, required: true }],
  },
  { type: 'Raw', members: [{ name: 'value', secret: true, required: true }] },
  // Read, so that nothing is lost, but not offered: there is no such identity outside of Microsoft's cloud.
  { type: 'ManagedServiceIdentity', members: [{ name: 'identity' }, { name: 'audience' }] },
];

/** Null for none; undefined for what has another form, such as an expression. */
export function kindOf(value: Json | undefined): AuthenticationKind | null | undefined {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) return undefined;
  const { type } = value;
  if (typeof type !== 'string') return undefined;
  if (type.toLowerCase() === 'none') return null;
  return AUTHENTICATION_KINDS.find((kind) => kind.type.toLowerCase() === type.toLowerCase());
}

/** The members that a kind needs are there from the start, so that one sees what is missing. */
export const emptyOf = (kind: AuthenticationKind): JsonObject => ({ type: kind.type, ...Object.fromEntries(kind.members.filter((member) => member.required).map((member) => [member.name, ''])) });

/** Declares a secure parameter under the first free name. Its value is given beside the definition, so that the definition can be passed on without it. */
export function withSecureParameter(definition: JsonObject, wanted: string): { definition: JsonObject; name: string } {
  const declared = isObject(definition['parameters']) ? definition['parameters'] : {};
  const name = freeName(wanted, new Set(Object.keys(declared)));
  return { name, definition: withValueAt(definition, ['parameters', name], { type: 'SecureString' }) };
}

/** The parameter that a value stands for, when it stands for nothing else. */
export const parameterOf = (value: Json | undefined): string | null => (typeof value === 'string' ? (/^@(?:\{)?parameters\('((?:[^']|'')*)'\)\}?$/.exec(value)?.[1]?.replace(/''/g, "'") ?? null) : null);

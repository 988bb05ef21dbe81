/** What a person is asked for before a run by hand: the fields that the trigger's schema describes. */
import { isObject, type Json, type JsonObject } from './definition';

export const INPUT_KINDS = ['text', 'number', 'boolean', 'date', 'choice', 'email', 'file'] as const;
export type InputKind = (typeof INPUT_KINDS)[number];
/** `json`: a value that no field fits. */
export type FieldKind = InputKind | 'datetime' | 'json';

export interface RunField {
  /** The member of the body. */
  name: string;
  title: string;
  description: string;
  kind: FieldKind;
  required: boolean;
  choices: readonly string[];
  /** A file is an object with name and content, or only its content. */
  wholeFile: boolean;
  initial: Json | undefined;
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

function kindOf(schema: JsonObject): FieldKind {
  const hint = text(schema['x-ms-content-hint']).toUpperCase();
  const type = Array.isArray(schema['type']) ? schema['type'].find((one) => one !== 'null') : schema['type'];
  if (hint === 'FILE') return 'file';
  if (Array.isArray(schema['enum'])) return 'choice';
  if (type === 'boolean') return 'boolean';
  if (type === 'number' || type === 'integer') return 'number';
  if (type !== 'string' && type !== undefined) return 'json';
  if (hint === 'EMAIL') return 'email';
  const format = text(schema['format']);
  return format === 'date' ? 'date' : format === 'date-time' ? 'datetime' : format === 'byte' ? 'file' : type === undefined && !isObject(schema['properties']) ? 'text' : 'text';
}

/** The fields of a schema in their order; none where it describes no object. */
export function runFields(schema: Json | undefined): RunField[] {
  const properties = isObject(schema) ? schema['properties'] : undefined;
  if (!isObject(schema) || !isObject(properties)) return [];
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(properties).flatMap(([name, own]) =>
    isObject(own)
      ? [{
          name,
          title: text(own['title']) || name,
          description: text(own['description']),
          kind: kindOf(own),
          required: required.includes(name),
          choices: Array.isArray(own['enum']) ? own['enum'].map((one) => (typeof one === 'string' ? one : JSON.stringify(one))) : [],
          wholeFile: own['type'] === 'object' || own['type'] === undefined,
          initial: own['default'],
        }]
      : [],
  );
}

/** What was received last, in the fields that there are now. */
export function prefilled(fields: readonly RunField[], last: Json | undefined): { [name: string]: Json } {
  const known = isObject(last) ? last : {};
  return Object.fromEntries(fields.flatMap((field) => {
    const value = known[field.name] ?? field.initial;
    return value === undefined || value === null ? [] : [[field.name, value]];
  }));
}

/** The body of the run: what was left empty is left out. */
export function bodyOf(fields: readonly RunField[], values: { [name: string]: Json }): JsonObject {
  return Object.fromEntries(fields.flatMap((field) => {
    const value = values[field.name];
    if (field.kind === 'boolean') return [[field.name, value === true]];
    return value === undefined || value === '' ? [] : [[field.name, value]];
  }));
}

/** Required fields that are still empty. */
export const missingOf = (fields: readonly RunField[], values: { [name: string]: Json }): RunField[] =>
  fields.filter((field) => field.required && field.kind !== 'boolean' && (values[field.name] === undefined || values[field.name] === ''));

/** How Power Automate writes an input of this kind. */
const PROPERTY_OF: { [kind in InputKind]: JsonObject } = {
  text: { type: 'string', 'x-ms-content-hint': 'TEXT' },
  number: { type: 'number', 'x-ms-content-hint': 'NUMBER' },
  boolean: { type: 'boolean', 'x-ms-content-hint': 'BOOLEAN' },
  date: { type: 'string', format: 'date', 'x-ms-content-hint': 'DATE' },
  choice: { type: 'string', enum: [], 'x-ms-content-hint': 'TEXT' },
  email: { type: 'string', format: 'email', 'x-ms-content-hint': 'EMAIL' },
  file: { type: 'object', properties: { name: { type: 'string' }, contentBytes: { type: 'string', format: 'byte' } }, 'x-ms-content-hint': 'FILE' },
};

/** The schema with one more input; its name counts upwards: `text`, `text_1`. */
export function withInput(schema: JsonObject, kind: InputKind, title: string): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const base = kind === 'choice' ? 'text' : kind;
  let name: string = base;
  for (let number = 1; name in properties; number += 1) name = `${base}_${number}`;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return { ...schema, type: 'object', properties: { ...properties, [name]: { title, ...PROPERTY_OF[kind], 'x-ms-dynamically-added': true } }, required: [...required, name] };
}

/** The schema with another member of one input; `undefined` removes the member. */
export function changedInput(schema: JsonObject, name: string, change: JsonObject): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const own = isObject(properties[name]) ? properties[name] : {};
  return { ...schema, properties: { ...properties, [name]: { ...own, ...change } } };
}

export function requiredInput(schema: JsonObject, name: string, required: boolean): JsonObject {
  const others = (Array.isArray(schema['required']) ? schema['required'] : []).filter((one) => one !== name);
  return { ...schema, required: required ? [...others, name] : others };
}

export function withoutInput(schema: JsonObject, name: string): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return requiredInput({ ...schema, properties: Object.fromEntries(Object.entries(properties).filter(([own]) => own !== name)) }, name, false);
}

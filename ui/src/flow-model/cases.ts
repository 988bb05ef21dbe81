/** The cases of a Switch. Readers see them in the order of the file, so an order is part of every change. */
import { findAction, freeName, isObject, type Json, type JsonObject } from './definition';
import { setMember } from './edits';

export interface Case {
  name: string;
  value: Json | undefined;
}

const held = (definition: JsonObject, step: string): JsonObject => {
  const cases = findAction(definition, step)?.action['cases'];
  return isObject(cases) ? cases : {};
};

const withCases = (definition: JsonObject, step: string, entries: [string, Json][]): JsonObject => setMember(definition, step, ['cases'], Object.fromEntries(entries));

export const casesOf = (action: JsonObject): Case[] =>
  Object.entries(isObject(action['cases']) ? action['cases'] : {}).map(([name, own]) => ({ name, value: isObject(own) ? own['case'] : undefined }));

export function addCase(definition: JsonObject, step: string): JsonObject {
  if (!findAction(definition, step)) return definition;
  const cases = held(definition, step);
  return withCases(definition, step, [...Object.entries(cases), [freeName('Case', new Set(Object.keys(cases))), { case: '', actions: {} }]]);
}

export const removeCase = (definition: JsonObject, step: string, name: string): JsonObject =>
  withCases(definition, step, Object.entries(held(definition, step)).filter(([key]) => key !== name));

/** Null when another case has the name, or there is none. What is in the case stays; nothing else speaks of it. */
export function renameCase(definition: JsonObject, step: string, from: string, to: string): JsonObject | null {
  const name = to.trim();
  const cases = held(definition, step);
  if (!name || !(from in cases)) return null;
  if (name === from) return definition;
  if (Object.keys(cases).some((key) => key !== from && key.toLowerCase() === name.toLowerCase())) return null;
  return withCases(definition, step, Object.entries(cases).map(([key, own]) => [key === from ? name : key, own]));
}

/** JavaScript puts members that look like numbers first, whatever their order was: such a case cannot be moved. */
export const isMovable = (name: string): boolean => !/^(0|[1-9]\d*)$/.test(name);

export function moveCase(definition: JsonObject, step: string, name: string, direction: -1 | 1): JsonObject {
  const entries = Object.entries(held(definition, step));
  const from = entries.findIndex(([key]) => key === name);
  const to = from + direction;
  const [moved, other] = [entries[from], entries[to]];
  if (!moved || !other || !isMovable(other[0])) return definition;
  entries[from] = other;
  entries[to] = moved;
  return withCases(definition, step, entries);
}

export const setCaseValue = (definition: JsonObject, step: string, name: string, value: Json): JsonObject => setMember(definition, step, ['cases', name, 'case'], value);

/** A case by its value, with its name where that says something of its own; empty for what is no case. */
export function caseInWords(action: JsonObject | undefined, name: string): string {
  const own = action ? casesOf(action).find((item) => item.name === name) : undefined;
  if (!own) return '';
  const value = own.value === undefined || own.value === '' ? '' : typeof own.value === 'string' ? own.value : JSON.stringify(own.value);
  const isNamed = !/^case[ _]?\d*$/i.test(name) && name.toLowerCase() !== value.toLowerCase();
  return value === '' ? name : isNamed ? `${value} (${name.replace(/_/g, ' ')})` : value;
}
